#ifndef TEST_MIME_FIXTURE_H
#define TEST_MIME_FIXTURE_H

#include <check.h>

#include "mime/mime.h"

/* Fails unless m is a sound structure of a message of that size. */
void fixture_check_structure(const struct mime_msg *m, uint64_t size);
/* The parsed structure as text: kinds nested in parentheses with header and
 * body length and lines, "M(h+b/l T(...))". */
void fixture_shape(const struct mime_msg *m, uint32_t i, struct buf *out);
/* A file under test/data/mime with CRLF line ends. */
void fixture_load(const char *name, struct buf *out);
/* Calls fn for each .eml under test/data/mime; returns how many. */
int fixture_each_message(void (*fn)(const char *name, struct sv msg));

#endif
