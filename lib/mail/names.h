/*
 * Tables of names that programs and people give to the same thing, in several
 * languages.  ASCII case does not count; other letters are as written.
 */
#ifndef MAIL_NAMES_H
#define MAIL_NAMES_H

#include <stddef.h>

#include "base/sv.h"

struct mail_names {
	unsigned what; /* not 0 */
	const char *const *name;
};

/* A row: what, then its names. */
#define MAIL_NAMES(n, ...)                \
	{                                 \
		n, (const char *const[])  \
		{                         \
			__VA_ARGS__, NULL \
		}                         \
	}

/* 0: no row of the table has that name. */
unsigned mail_names_find(const struct mail_names *t, size_t n, struct sv name);
#define MAIL_NAMES_FIND(table, name) \
	mail_names_find(table, sizeof(table) / sizeof((table)[0]), name)

#endif
