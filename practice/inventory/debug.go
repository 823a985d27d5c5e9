// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import "strings"

// debugPaths are first segments that frameworks and servers use for looking inside a process or that hold its files, and
// that no API means otherwise. Words with an honest meaning are left out on purpose: metrics, health, status, console,
// trace, env, admin.
var debugPaths = map[string]bool{
	"debug":      true, // Go's pprof and expvar, and what people call theirs
	"__debug__":  true, // Django debug toolbar
	"_debugbar":  true, // Laravel
	"_ignition":  true, // Laravel; CVE-2021-3129
	"_profiler":  true, // Symfony
	"_wdt":       true, // Symfony
	"actuator":   true, // Spring Boot
	"heapdump":   true, // Spring Boot 1
	"threaddump": true,
	"jolokia":    true, // JMX over HTTP
	"h2-console": true,

	"server-status": true, // Apache httpd
	"server-info":   true,
	"elmah.axd":     true, // ASP.NET
	"trace.axd":     true,
	"phpinfo":       true,
	"phpinfo.php":   true,

	".env":      true, // files that are deployed by mistake
	".git":      true,
	".hg":       true,
	".svn":      true,
	".aws":      true,
	".ssh":      true,
	".htaccess": true,
	".htpasswd": true,
	".ds_store": true,
}

// isDebug reports whether path, below an API's base path, is a debug path or lies below one. Letters count alike in
// either case, and parameters in the segment are ignored, because some servers do both.
func isDebug(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if i := strings.IndexByte(first, ';'); i >= 0 {
		first = first[:i]
	}
	return debugPaths[strings.ToLower(first)]
}

// below is what of path lies below base.
func below(path, base string) string {
	if rest, ok := strings.CutPrefix(path, base); ok && (rest == "" || rest[0] == '/') {
		return rest
	}
	return path
}

// probesDebug reports whether an undeclared path is a debug path, of the host or below one of the base paths.
func (c *catalogue) probesDebug(path string) bool {
	if isDebug(path) {
		return true
	}
	for _, a := range c.apis {
		if isDebug(below(path, a.BasePath)) {
			return true
		}
	}
	return false
}
