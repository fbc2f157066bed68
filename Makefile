# The front door.  CMake builds what is ours; adapters/nginx/build builds the
# module with the installed nginx's own flags.  BUILD= moves the output.
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
CC ?= gcc
CMAKE_FLAGS = -G Ninja
ARGS ?=

.PHONY: all deps deps-test build module test-build test unit e2e repo \
        run bench-relay bench-gate bench-core test-openapi fuzz install \
        dist distcheck clean

all: build module

deps:
	@tools/deps run
deps-test:
	@tools/deps run test

$(BUILD)/build.ninja: CMakeLists.txt
	cmake -S . -B $(BUILD) $(CMAKE_FLAGS) -DCMAKE_INSTALL_PREFIX=$(PREFIX)

build: $(BUILD)/build.ninja
	cmake --build $(BUILD) -j $(JOBS)

module: build
	adapters/nginx/build $(abspath $(BUILD))

# Everything again under AddressSanitizer and UBSan, with the tests.
$(BUILD)/asan/build.ninja: CMakeLists.txt
	cmake -S . -B $(BUILD)/asan $(CMAKE_FLAGS) -DCMAKE_BUILD_TYPE=Debug \
	    -DRWITH_SANITIZE=ON -DRWITH_TESTS=ON
asan: $(BUILD)/asan/build.ninja
	cmake --build $(BUILD)/asan -j $(JOBS)

unit: asan
	prove --exec '' $(BUILD)/asan/tests/test_*

clean:
	rm -rf $(BUILD)
