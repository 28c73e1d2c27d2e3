.PHONY: run test test-fast lint page bench build

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

bench: ## the figures of this machine, each beside its floor
	@.ci/bench

build: ## one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o .cache/bin/anxin ./server
