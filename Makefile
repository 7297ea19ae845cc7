# Every target is one line that a person would type; CI (.ci/run) runs `make lint` and `make test` and nothing else.

.PHONY: help build generate lint test test-darwin accept-mac dist pkg bench bench-fleet demo pictures clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build usherd, usher-agent and usherctl into ./bin (for GOOS and GOARCH of the environment)
	scripts/build

generate: ## write the Go code of the contracts in proto/
	scripts/generate

lint: ## every check that does not run usher
	scripts/lint

test: ## every test, also end-to-end; needs root, installs missing packages (Debian)
	scripts/test

test-darwin: ## tests and end-to-end stories as macOS programs, under a loader on Linux (sim/darwin); make test runs a selection
	scripts/test-darwin

accept-mac: ## on a Mac, as root: install, register, check everything, remove; writes accept-mac-report.txt (docs/accept-mac.md)
	scripts/accept-mac

dist: ## archives, SBOMs, the Debian package and SHA256SUMS into ./dist (Debian; docs/packages.md)
	scripts/dist

pkg: ## the macOS package into ./dist, signed and notarised on a Mac; elsewhere a dry run
	scripts/pkg

bench: ## measure and print a table
	go run -tags grpcnotrace ./bench

bench-fleet: ## a fleet of 1,000, 5,000 and 10,000 simulated Macs on one server; takes some minutes
	go run -tags grpcnotrace ./bench --fleet

demo: ## a whole registration on this computer; PORTAL_EXIT=66 makes Company Portal end with that code
	go run ./sim/demo $(if $(PORTAL_EXIT),--portal-exit $(PORTAL_EXIT))

pictures: ## draw the recording in docs/pictures from the output of the demonstration
	go run ./sim/recording --output docs/pictures/demo.svg --title "make demo PORTAL_EXIT=66" make --no-print-directory demo PORTAL_EXIT=66

clean: ## remove the results of builds
	rm -rf bin dist screenshots
