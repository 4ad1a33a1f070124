/*
 * Which messages are being parsed right now, on a page that outlives the
 * process: a file `suspects` in the account's folder, mapped and shared.
 *
 * Parsing marks a message before and unmarks it afterwards; that costs two
 * stores to memory.  If the process dies in between, its successor finds the
 * mark and counts a death; after two deaths with the same message in hand that
 * message is shown as opaque and never parsed again, until somebody removes
 * the file.  It is a help, not part of the truth: without it (read-only, no
 * room) everything is parsed.
 *
 * Format: 64 entries of 16 bytes in the machine's own order: 8 name of the
 * bytes (0: free), 4 deaths, 4 in hand.  It never leaves this machine.
 */
#ifndef STORE_SUSPECT_H
#define STORE_SUSPECT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define SUSPECT_ENTRIES 64
#define SUSPECT_DEATHS	2

struct suspect {
	uint64_t body;
	uint32_t deaths;
	uint32_t in_hand;
};

struct suspects {
	pthread_mutex_t mu;
	struct suspect *e; /* NULL: there is no file */
};

/* Maps the file below dirfd and counts the deaths of those before us. */
void suspects_open(struct suspects *s, int dirfd);
void suspects_close(struct suspects *s);
/* false: two processes have died of it; do not parse, and do not end. */
bool suspects_begin(struct suspects *s, uint64_t body);
void suspects_end(struct suspects *s, uint64_t body);

#endif
