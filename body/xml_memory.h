/*
 * xml_memory.h: expat with the caller's memory.
 */
#ifndef RWITH_BODY_XML_MEMORY_H
#define RWITH_BODY_XML_MEMORY_H

#include <expat.h>

#include <retrywith/base.h>

/** Between a namespace and a local name in the names that expat reports. */
#define RWITH_XML_SEPARATOR "\n"

/**
 * A namespace-aware parser.
 * @param mem  NULL: malloc; kept by pointer for the life of the parser
 * @return NULL when there is no memory
 */
XML_Parser rwith__xml_open(const rwith_alloc *mem);

/** XML_Parse() with the memory that the parser was opened with. */
enum XML_Status rwith__xml_parse(const rwith_alloc *mem, XML_Parser parser,
                                 const char *bytes, size_t len, bool is_last);

void rwith__xml_close(XML_Parser parser);

#endif
