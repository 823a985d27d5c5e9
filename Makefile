# Two commands do everything on a fresh Debian machine with Go:
#   make demo   runs the main job: the careless shop, yett before it, one attack per practice at both
#   make test   installs or finds what it needs, says so, and passes every check
SHELL       := /bin/bash
GO          ?= go
LINT        := .tools/golangci-lint
LINTVERSION := v2.15.0
FUZZTIME    ?= 60s
export CGO_ENABLED ?= 1

.PHONY: help demo build test needs vet lint unit e2e conformance cross fuzz bench clean

help:
	@sed -n 's/^#   //p' Makefile

demo: needs-go
	$(GO) run ./cmd/yett demo

build: needs-go
	$(GO) build -trimpath -o bin/yett ./cmd/yett

needs-go:
	@command -v $(GO) >/dev/null || { echo "make: Go is needed (go.mod says which); see the README"; exit 2; }

needs: needs-go
	@scripts/needs

vet:
	$(GO) vet ./...
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "not formatted: $$out"; exit 1; }

$(LINT):
	@echo "make: building golangci-lint $(LINTVERSION) from its Go module into .tools (once)"
	@mkdir -p .tools && GOBIN=$(CURDIR)/.tools $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINTVERSION)

lint: $(LINT)
	$(LINT) run ./...

cross:
	GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/yett
	GOOS=windows GOARCH=amd64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/yett

# The whole check. The last thing it prints is the test runner's own summary.
test: needs build vet lint cross
	@scripts/suites
	YETT_GITHUB_OPENAPI=$(CURDIR)/.suites/github.json YETT_GITHUB_FIXTURES=$(CURDIR)/.suites/fixtures \
		$(GO) test -race -timeout 20m ./...
	cd bench && $(GO) vet ./... && $(GO) test ./...

fuzz: needs-go
	@scripts/fuzz $(FUZZTIME)

bench: needs-go
	cd bench && $(GO) run ./cmd/sidebyside

clean:
	rm -rf bin .tools .suites
