// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"time"
)

// tunnelLinger is how long one side of a tunnel may go on after the other has said its last.
const tunnelLinger = 10 * time.Second

// tunnel joins both sides until both have ended. Filters see nothing of it.
func (x *Exchange) tunnel() error {
	up := x.Answer.tunnel
	x.headers(x.chain.Header)
	client, err := x.eng.hijack(&x.Answer.Header, x.Answer.protocol)
	if err != nil {
		return err
	}
	x.passing.committed, x.passing.length = true, -1
	closeBoth := func() {
		// Either way the tunnel is over; there is nobody left to tell.
		_ = client.Close()
		_ = up.Close()
	}
	defer closeBoth()
	defer context.AfterFunc(x.Context(), closeBoth)()
	linger := time.AfterFunc(math.MaxInt64, closeBoth)
	defer linger.Stop()
	join := func(dst io.WriteCloser, src io.Reader) int64 {
		n, err := io.Copy(dst, src)
		if err != nil || closeWrite(dst) != nil {
			closeBoth() // the end of a tunnel, not a failure
			return n
		}
		linger.Reset(x.linger)
		return n
	}
	var both sync.WaitGroup
	both.Go(func() { x.Request.Body.n.Add(join(up, client)) })
	x.Answer.sent = join(client, up)
	both.Wait()
	return nil
}

// closeWrite tells the other end that nothing more comes, and leaves the way back open.
func closeWrite(c io.Closer) error {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}
