// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A server that operators run reads what is sent, by its own understanding of the protocols.
func TestRsyslogReadsTheRecords(t *testing.T) {
	daemon, err := exec.LookPath("rsyslogd")
	if err != nil {
		t.Skip("there is no rsyslogd (the Debian package rsyslog brings it)")
	}
	dir := filepath.Dir(socketPath(t))
	udp, tcp := freePort(t, "udp"), freePort(t, "tcp")
	out := filepath.Join(dir, "got")
	conf := fmt.Sprintf(`
global(workDirectory=%[1]q maxMessageSize="64k")
module(load="imudp") module(load="imtcp") module(load="imuxsock" SysSock.Use="off")
template(name="parsed" type="string" string="%%PRI%% %%HOSTNAME%% %%APP-NAME%% %%MSGID%% %%msg%%\n")
ruleset(name="all") { action(type="omfile" file=%[2]q template="parsed") }
input(type="imudp" address="127.0.0.1" port="%[3]d" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="%[4]d" ruleset="all")
input(type="imuxsock" Socket=%[5]q ruleset="all" UseSpecialParser="off" ParseHostname="on" RateLimit.Interval="0")
`, dir, out, udp, tcp, filepath.Join(dir, "sock"))
	name := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(name, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(daemon, "-n", "-f", name, "-i", filepath.Join(dir, "pid"))
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	first := 1
	for _, address := range []string{fmt.Sprintf("tcp://127.0.0.1:%d", tcp), fmt.Sprintf("udp://127.0.0.1:%d", udp), "unix://" + dir + "/sock"} {
		s := open(t, Config{Type: "syslog", Address: address}, Options{Hostname: "gate1"})
		eventually(t, "a server at "+address, func() bool { return s.Send(t.Context(), records(first, 20)) == nil })
		for seq := first; seq < first+20; seq++ {
			line := "133 gate1 yett exchange " + strings.TrimSpace(string(records(seq, 1)[0].Line)) + "\n"
			eventually(t, "record "+strconv.Itoa(seq)+" over "+address, func() bool {
				got, err := os.ReadFile(out)
				return err == nil && strings.Contains(string(got), line)
			})
		}
		first += 20
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// freePort is one that was free a moment ago: rsyslogd does not say which it chose for itself.
func freePort(t *testing.T, network string) int {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		return c.LocalAddr().(*net.UDPAddr).Port
	}
	l := listen(t, network, "127.0.0.1:0")
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
