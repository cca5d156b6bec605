# SPDX-License-Identifier: Apache-2.0
#
# A thin front for meson. On Debian 12 the targets install what they need and what is missing.

PREFIX ?= /usr/local
JOBS   ?= $(shell nproc)
export JOBS

C_FILES = $$(find topology scheduler api bench test -name '*.[ch]' -not -path 'test/e2e/*')

.PHONY: sbom help demo test test-long asan tsan e2e bench coverage lint format fuzz install clean

help:
	@echo 'make demo      build, then a gang placed by a daemon on an embedded cluster'
	@echo 'make test      the tests under ASan + UBSan, then those with threads under TSan'
	@echo 'make test-long eight million simulated events; seeded defects, which the tests must find'
	@echo 'make asan      the first half of that;  make tsan: the second'
	@echo 'make e2e       a real kube-scheduler, API server and etcd on loopback (needs Go)'
	@echo 'make bench     benchmarks'
	@echo 'make coverage  line coverage, at least 90 % of topology/, 95 % of scheduler/, 95 % of api/'
	@echo 'make lint      format, include direction, banned functions, clang-tidy, shellcheck, go vet'
	@echo 'make format    clang-format and gofmt, in place'
	@echo 'make fuzz      every fuzzer for FUZZ_SECONDS (default 30)'
	@echo 'make install   release build into PREFIX (default /usr/local), below DESTDIR if set'
	@echo 'make sbom      what the release build is made of, as build/phalanx.spdx.json'
	@echo 'make clean     removes the build directories'

# The release build, without the tests.
.PHONY: build
build:
	@.ci/install build
	@.ci/build build --buildtype=release --prefix='$(PREFIX)' -Dtests=disabled

demo: build
	@PHALANX_BIN='$(CURDIR)/build/phalanx' bench/demo/run

test:
	@.ci/install build test
	@.ci/test

test-long:
	@.ci/install build test
	@.ci/test long

asan tsan:
	@.ci/install build test
	@.ci/test $@

e2e: build
	@PHALANX_BIN='$(CURDIR)/build/phalanx' test/e2e/run

bench: build
	@meson test -C build --benchmark --verbose --num-processes 1

coverage:
	@.ci/install build test coverage
	@.ci/coverage

lint:
	@.ci/install build test lint
	@test/lint/run

format:
	@.ci/install lint
	@clang-format-14 -i $(C_FILES)
	@if command -v gofmt >/dev/null; then gofmt -w test/e2e bench; fi

fuzz:
	@.ci/install build test fuzz
	@.ci/fuzz

install: build
	@meson install -C build --no-rebuild

sbom: build
	@.ci/sbom build/phalanx >build/phalanx.spdx.json

clean:
	rm -rf build build-*/
