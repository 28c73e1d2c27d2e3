.PHONY: gallery page-report run test test-fast lint page bench bench-live chaos mutants build

run: ## start the server with embedded defaults
	go run ./server

test: ## install what is missing, then run every check there is
	@.ci/test

test-fast: ## the inner loop: no race detector, no browser, no linter
	go vet ./... && go test -short ./engine/... ./hub/... ./server/... ./frontend/...

lint: ## what the linters say
	@.ci/install && .cache/bin/golangci-lint run ./...

page: ## rebuild the payer page's files that are committed in frontend/dist
	go run ./frontend/build

gallery: ## photographs of every state of the payer page, in .cache/gallery/index.html
	@.ci/install && go run ./frontend/page/gallery -png -o .cache/gallery

page-report: ## the payer page on a slow phone: paint, live, shift, blocking time, Lighthouse, each beside its budget; and axe over all pages
	@.ci/install && export PATH="$$PWD/.cache/bin:$$PATH" && npm install --silent --no-audit --no-fund --no-save --prefix .cache/lighthouse lighthouse@12.8.2 && \
	go run ./.ci/pagereport -lighthouse .cache/lighthouse && go test ./frontend/page -run '^TestEveryPageFitsAndIsAccessible$$' -count=1 -v

bench: ## the figures of this machine, each beside its floor
	@.ci/bench

bench-live: ## live delivery: memory, CPU and latency under 10,000 connections, beside their floor
	@.ci/bench-live

chaos: ## 10,000 orders in a hostile world, the server killed 20 times; CHAOS="-chaos.seed=7" reruns a seed
	go test ./server/chaos -run '^TestChaos$$' -count=1 -v -timeout 30m -chaos.orders=10000 -chaos.kills=20 -chaos.rate=60 $(CHAOS)

mutants: ## break the server on purpose and see which check notices; takes most of an hour
	go run ./.ci/mutants

build: ## one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o .cache/bin/anxin ./server
