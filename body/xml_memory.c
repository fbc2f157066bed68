/*
 * xml_memory.c: expat's allocation hooks take no argument, so the memory
 * that a call works with is noted for the thread while the call runs, and in
 * front of every block for the time after.
 */
#include "body/xml_memory.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct xml_block {
    const rwith_alloc *mem;
    size_t size; /* the two words keep what follows aligned */
};

static _Thread_local const rwith_alloc *current;

static void *xml_malloc(size_t size)
{
    const rwith_alloc *mem = current;
    struct xml_block *block;

    if (size > SIZE_MAX - sizeof(*block)) {
        return NULL;
    }
    size_t whole = sizeof(*block) + size;
    block = mem != NULL ? mem->alloc(whole, mem->user) : malloc(whole);
    if (block == NULL) {
        return NULL;
    }
    *block = (struct xml_block){ mem, size };
    return block + 1;
}

static void xml_free(void *ptr)
{
    if (ptr != NULL) {
        struct xml_block *block = (struct xml_block *)ptr - 1;

        if (block->mem != NULL) {
            block->mem->free(block, block->mem->user);
        } else {
            free(block);
        }
    }
}

static void *xml_realloc(void *ptr, size_t size)
{
    void *fresh = xml_malloc(size);

    if (fresh != NULL && ptr != NULL) {
        size_t had = ((struct xml_block *)ptr - 1)->size;

        memcpy(fresh, ptr, had < size ? had : size);
        xml_free(ptr);
    }
    return fresh;
}

XML_Parser rwith__xml_open(const rwith_alloc *mem)
{
    static const XML_Memory_Handling_Suite hooks = { xml_malloc, xml_realloc,
                                                     xml_free };
    const rwith_alloc *before = current;

    current = mem;
    XML_Parser parser = XML_ParserCreate_MM(NULL, &hooks, RWITH_XML_SEPARATOR);
    current = before;
    return parser;
}

enum XML_Status rwith__xml_parse(const rwith_alloc *mem, XML_Parser parser,
                                 const char *bytes, size_t len, bool is_last)
{
    const rwith_alloc *before = current;

    if (len > INT_MAX) {
        return XML_STATUS_ERROR;
    }
    current = mem;
    enum XML_Status status = XML_Parse(parser, bytes, (int)len, is_last);
    current = before;
    return status;
}

void rwith__xml_close(XML_Parser parser)
{
    if (parser != NULL) {
        XML_ParserFree(parser);
    }
}
