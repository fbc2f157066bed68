/*
 * Runs a fuzz target over the files of a corpus, without libFuzzer: with any
 * compiler, in every test run.  Each input is copied into a block of exactly
 * its size, so that AddressSanitizer sees an overread by one byte.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *name)
{
    FILE *file = fopen(name, "rb");
    long size = -1;

    if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
        size = ftell(file);
        rewind(file);
    }
    if (size < 0) {
        fprintf(stderr, "replay: cannot read %s\n", name);
        if (file != NULL) {
            fclose(file);
        }
        return 1;
    }
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size) {
        fprintf(stderr, "replay: cannot read %s\n", name);
        fclose(file);
        free(data);
        return 1;
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        failed |= replay(argv[i]);
        printf("%sok %d - %s\n", failed ? "not " : "", i, argv[i]);
    }
    printf("1..%d\n", argc - 1);
    return failed;
}
