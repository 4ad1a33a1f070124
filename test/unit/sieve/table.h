/*
 * Rows of scripts, messages and what is decided, in test/data/sieve/README.
 */
#ifndef TEST_UNIT_SIEVE_TABLE_H
#define TEST_UNIT_SIEVE_TABLE_H

#include "sieve/sieve.h"

#define TABLE_BLOCKS 64
#define TABLE_WANT   40

/* Text with a name: a message, or a script to be included. */
struct table_block {
	char *name;
	struct buf text;
};

struct table_row {
	char *name;
	unsigned line;
	struct buf script, message;
	struct sv from, to;
	bool has_envelope, junk, twice, chained;
	int spam, virus;
	int64_t now;
	int32_t zone;
	unsigned steps;
	struct sv want[TABLE_WANT]; /* with their mark in front */
	size_t nwant;
};

struct table {
	struct table_block message[TABLE_BLOCKS], script[TABLE_BLOCKS];
	size_t nmessages, nscripts;
	/* What runs before (delivered) have remembered. */
	struct sieve_record record[64];
	size_t nrecords;
	unsigned rows, failed;
	struct buf trace;
};

/* Runs all rows of a file; tells of those that fail on stderr. */
void table_run(struct table *t, const char *path);
void table_fini(struct table *t);

/* The host of rows. */
extern const struct sieve_host table_host;
struct table_context {
	struct table *table;
	struct table_row *row;
};

#endif
