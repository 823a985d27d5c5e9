# Two commands do everything on a fresh Debian machine with Go:
#   make demo          the careless shop, yett before it, one attack per practice at both
#   make test          installs or finds what it needs, says so, and passes every check
# More:
#   make build         bin/yett
#   make conformance   the real binary against GitHub's description, with prism behind it
#   make world         Chromium, TLS scanners, slow clients, reloads under load, an outside issuer of tokens and SIGKILL
#                      against the real binary, and 100,000 streams through four upstreams
#   make fuzz          every fuzz target, FUZZTIME each (60s)
#   make bench         what it costs beside nginx and httputil.ReverseProxy
SHELL    := /bin/bash
GO       ?= go
FUZZTIME ?= 60s
TOOLS    := $(CURDIR)/.tools
SUITES   := $(CURDIR)/.suites

.PHONY: help demo build test needs needs-go suites vet lint cross conformance world fuzz bench clean

help:
	@sed -n 's/^#   //p' Makefile

needs-go:
	@command -v $(GO) >/dev/null || { echo "make: Go is needed (go.mod says which); see the README"; exit 2; }

demo: needs-go
	@echo "demo: building yett (the first time this fetches and compiles its modules)"
	@$(GO) run ./cmd/yett demo

build: needs-go
	$(GO) build -trimpath -o bin/yett ./cmd/yett

needs: needs-go
	@scripts/needs

suites: needs
	@scripts/suites

vet: needs-go
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "not formatted: $$out"; exit 1; }
	$(GO) vet ./...
	cd conformance && $(GO) vet ./...
	cd bench && $(GO) vet ./...

# Each tool is built once from its Go module, at the version written here.
$(TOOLS)/staticcheck:
	@echo "lint: building staticcheck v0.8.2 into .tools (once)"
	@GOBIN=$(TOOLS) $(GO) install honnef.co/go/tools/cmd/staticcheck@v0.8.2

$(TOOLS)/errcheck:
	@echo "lint: building errcheck v1.30.0 into .tools (once)"
	@GOBIN=$(TOOLS) $(GO) install github.com/kisielk/errcheck@v1.30.0

lint: $(TOOLS)/staticcheck $(TOOLS)/errcheck
	$(TOOLS)/staticcheck ./...
	$(TOOLS)/errcheck -ignoretests ./...

cross: needs-go
	GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/yett
	GOOS=windows GOARCH=amd64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/yett

# The whole check. What it prints last is the test runner's own summary.
test: needs suites build vet lint cross
	cd conformance && $(GO) run ./cmd/github -yett ../bin/yett -openapi $(SUITES)/github.json -fixtures $(SUITES)/fixtures
	cd conformance && $(GO) run ./cmd/h2spec -yett ../bin/yett
	cd conformance && $(GO) test ./cmd/secrets
	cd conformance && $(GO) run ./cmd/secrets -yett ../bin/yett
	cd conformance && $(GO) run ./cmd/kill -yett ../bin/yett -n 10 -ready 20s
	cd conformance && $(GO) run ./cmd/records -yett ../bin/yett -edits 500 -kills 3
	cd conformance && $(GO) run ./cmd/answers -yett ../bin/yett
	cd bench && $(GO) test ./...
	YETT_GITHUB_OPENAPI=$(SUITES)/github.json $(GO) test -race -timeout 15m ./...

conformance: suites build
	@scripts/prism $(CURDIR)/bin/yett

world: needs build
	@scripts/needs sslscan testssl slowhttptest wrk chromium
	@scripts/browser
	cd conformance && $(GO) run ./cmd/cors -yett ../bin/yett -browser ../.suites/browser
	cd conformance && $(GO) run ./cmd/reload -yett ../bin/yett
	@scripts/issuer
	cd conformance && $(GO) run ./cmd/issuer -yett ../bin/yett -issuer ../.suites/issuer
	cd conformance && $(GO) run ./cmd/kill -yett ../bin/yett -n 100
	cd conformance && $(GO) run ./cmd/records -yett ../bin/yett
	YETT_RECORDS=10000000 $(GO) test ./practice/activity -run '^$$' -bench Search -v -timeout 40m
	cd conformance && $(GO) run ./cmd/tls -yett ../bin/yett
	cd conformance && $(GO) run ./cmd/slow -yett ../bin/yett
	YETT_CASES=100000 $(GO) test ./view -run TestAnswersAreWhat -v -timeout 40m
	YETT_STREAMS=100000 $(GO) test ./gateway -run TestDifferential -v -timeout 40m

fuzz: needs-go
	@scripts/fuzz $(FUZZTIME)

bench: needs-go
	cd bench && $(GO) run ./cmd/sidebyside

clean:
	rm -rf bin .tools .suites
