# hanok: `make up` makes a cluster here, `make test` tests everything,
# `make down` leaves nothing behind. All three want root.

GO      ?= go
VERSION ?=
LDFLAGS := -s -w $(if $(VERSION),-X github.com/hanok/hanok/internal/cli.buildVersion=$(VERSION))

.PHONY: up down build test lint fmt bench-create bench-api clean clean-cache packages

up: packages build
	@bin/hanok up

down: build
	@bin/hanok down
	@scripts/packages.sh --restore

# Static, because machines run this same program on their own root.
build:
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/hanok ./cmd/hanok

packages:
	@scripts/packages.sh

test:
	@scripts/test.sh

lint:
	@scripts/test.sh lint

fmt:
	gofmt -w $$(git ls-files -co --exclude-standard '*.go')

bench-create: packages build
	@$(GO) run ./bench/create

bench-api:
	@$(GO) run ./bench/api

clean:
	rm -rf bin

# Bundles and root trees, which `make down` keeps because they take minutes.
clean-cache:
	rm -rf "$${HANOK_CACHE_DIR:-/var/cache/hanok}"
