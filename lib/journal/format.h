/*
 * The journal's bytes: segment headers, record headers, commits, references.
 * Pure; the layout is described in store/format.h.
 */
#ifndef JOURNAL_FORMAT_H
#define JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rangeset.h"
#include "base/sv.h"

#define SEG_VERSION    1
#define SEG_COMPACTED  2     /* the version of a compacted one */
#define SEG_HEADER     4096u /* both copies */
#define SEG_COPY       2048u
#define SEG_FIXED      104u
#define SEG_RANGES_MAX ((SEG_COPY - SEG_FIXED - 4) / 8)
#define SEG_KEY	       16

#define REC_HEADER    40u
#define REC_ALIGN     8u
#define COMMIT_BYTES  16u
#define COMMIT_RECORD (REC_HEADER + COMMIT_BYTES)
#define COMMIT_CLEAN  1u
#define COMMIT_GAPS   2u
#define REF_BYTES     20u

struct seg_header {
	char kind[4];
	uint32_t number, prev;
	uint64_t epoch;
	unsigned char key[SEG_KEY];
	uint64_t time;
	uint64_t first_seq;
	uint64_t prev_epoch, prev_seq, prev_off;
	struct rangeset replaces;
	bool compacted; /* begins with a snapshot, numbers have gaps */
};

struct rec_header {
	uint32_t len;
	uint16_t type;
	uint8_t flags, codec;
	uint64_t seq, time;
	uint32_t crc;
	uint32_t decoded_len;
};

struct commit {
	uint64_t flushed;
	uint32_t count;
	uint32_t flags;
};

struct body_ref {
	uint64_t name, size;
	uint32_t crc;
};

/* Bytes that a record with this payload takes. */
static inline uint64_t
rec_bytes(uint64_t payload)
{
	return (REC_HEADER + payload + REC_ALIGN - 1) &
	       ~(uint64_t)(REC_ALIGN - 1);
}

/* Writes both copies into SEG_HEADER bytes. */
void seg_header_encode(const struct seg_header *h, void *out);
/*
 * Takes the first good copy of SEG_HEADER bytes.  RC_DAMAGED if there is
 * none, RC_NOSUPPORT for a version that we do not know.  On success
 * h->replaces is to be freed by the caller.
 */
int seg_header_decode(const void *p, struct seg_header *h) RC_USE_RESULT;

void rec_header_encode(
    const struct rec_header *h, const unsigned char key[SEG_KEY], void *out);
/* RC_DAMAGED if the hash does not fit, RC_EOF if all is zero.  Without a key
 * (NULL) the hash is not looked at. */
int rec_header_decode(const void *p, const unsigned char *key,
    struct rec_header *h) RC_USE_RESULT;
/*
 * The same for a place where a header must be: one wrong bit anywhere in it
 * is found by its hash and put right in *h.  Costs 320 hashes, so it is not
 * for searching.  RC_DAMAGED.
 */
int rec_header_mend(const void *p, const unsigned char key[SEG_KEY],
    struct rec_header *h) RC_USE_RESULT;

void commit_encode(const struct commit *c, void *out);
int commit_decode(struct sv payload, struct commit *c) RC_USE_RESULT;
void body_ref_encode(const struct body_ref *r, void *out);
int body_ref_decode(struct sv payload, struct body_ref *r) RC_USE_RESULT;

/* "000012", with a suffix such as ".toc" or "". */
#define SEG_NAME_MAX 32
#define SEG_ASIDE    ".bad"
void seg_name(uint32_t number, const char *suffix, char out[SEG_NAME_MAX]);
/* The number of a name with exactly this suffix; false if it is none. */
bool seg_name_parse(const char *name, const char *suffix, uint32_t *out);
void body_name(uint64_t name, char out[SEG_NAME_MAX]);
bool body_name_parse(const char *name, uint64_t *out);

#endif
