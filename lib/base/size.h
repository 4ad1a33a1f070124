/* Sizes for people, in the units of the configuration: "2M", "1.9M", "1G". */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stdint.h>

#define SIZE_TEXT 24
/* Returns out, so that it can be used among printf's arguments. */
const char *size_print(uint64_t bytes, char out[SIZE_TEXT]);

#endif
