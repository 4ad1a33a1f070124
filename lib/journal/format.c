#include "journal/format.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/ascii.h"
#include "base/be.h"
#include "journal/crc32c.h"

static const unsigned char magic[8] = "hmjrnl\r\n";

void
seg_header_encode(const struct seg_header *h, void *out)
{
	unsigned char *p = out;
	size_t len = SEG_FIXED + 8 * h->replaces.n;

	must(h->replaces.n <= SEG_RANGES_MAX);
	memset(p, 0, SEG_HEADER);
	memcpy(p, magic, sizeof magic);
	be_put16(p + 8, h->compacted ? SEG_COMPACTED : SEG_VERSION);
	be_put16(p + 10, (uint16_t)len);
	memcpy(p + 12, h->kind, 4);
	be_put32(p + 16, h->number);
	be_put32(p + 20, h->prev);
	be_put64(p + 24, h->epoch);
	memcpy(p + 32, h->key, SEG_KEY);
	be_put64(p + 48, h->time);
	be_put64(p + 56, h->first_seq);
	be_put64(p + 64, h->prev_epoch);
	be_put64(p + 72, h->prev_seq);
	be_put64(p + 80, h->prev_off);
	be_put32(p + 96, (uint32_t)h->replaces.n);
	for (size_t i = 0; i < h->replaces.n; i++) {
		be_put32(p + SEG_FIXED + 8 * i, h->replaces.r[i].lo);
		be_put32(p + SEG_FIXED + 8 * i + 4, h->replaces.r[i].hi);
	}
	be_put32(p + len, crc32c(0, p, len));
	memcpy(p + SEG_COPY, p, SEG_COPY);
}

static int
copy_decode(const unsigned char *p, struct seg_header *h)
{
	size_t len;
	unsigned version;
	uint32_t n;

	if (memcmp(p, magic, sizeof magic) != 0)
		return RC_DAMAGED;
	len = be_get16(p + 10);
	if (len < SEG_FIXED || len > SEG_COPY - 4 ||
	    be_get32(p + len) != crc32c(0, p, len))
		return RC_DAMAGED;
	version = be_get16(p + 8);
	if (version != SEG_VERSION && version != SEG_COMPACTED)
		return RC_NOSUPPORT;
	n = be_get32(p + 96);
	if (n > SEG_RANGES_MAX || len != SEG_FIXED + 8 * (size_t)n)
		return RC_DAMAGED;
	h->compacted = version == SEG_COMPACTED;
	memcpy(h->kind, p + 12, 4);
	h->number = be_get32(p + 16);
	h->prev = be_get32(p + 20);
	h->epoch = be_get64(p + 24);
	memcpy(h->key, p + 32, SEG_KEY);
	h->time = be_get64(p + 48);
	h->first_seq = be_get64(p + 56);
	h->prev_epoch = be_get64(p + 64);
	h->prev_seq = be_get64(p + 72);
	h->prev_off = be_get64(p + 80);
	h->replaces = RANGESET_EMPTY;
	for (uint32_t i = 0; i < n; i++)
		rangeset_add(&h->replaces, be_get32(p + SEG_FIXED + 8 * i),
		    be_get32(p + SEG_FIXED + 8 * i + 4));
	return RC_OK;
}

int
seg_header_decode(const void *p, struct seg_header *h)
{
	const unsigned char *q = p;
	int r = copy_decode(q, h);

	if (r == RC_DAMAGED)
		r = copy_decode(q + SEG_COPY, h);
	return r;
}

void
rec_header_encode(
    const struct rec_header *h, const unsigned char key[SEG_KEY], void *out)
{
	unsigned char *p = out;

	be_put32(p, h->len);
	be_put16(p + 4, h->type);
	p[6] = h->flags;
	p[7] = h->codec;
	be_put64(p + 8, h->seq);
	be_put64(p + 16, h->time);
	be_put32(p + 24, h->crc);
	be_put32(p + 28, h->decoded_len);
	crypto_shorthash(p + 32, p, 32, key);
}

int
rec_header_decode(const void *p, const unsigned char *key, struct rec_header *h)
{
	static const unsigned char zero[REC_HEADER];
	const unsigned char *q = p;
	unsigned char hash[crypto_shorthash_BYTES];

	h->len = be_get32(q);
	h->type = be_get16(q + 4);
	if (h->type == 0)
		return memcmp(q, zero, REC_HEADER) == 0 ? RC_EOF : RC_DAMAGED;
	if (key != NULL) {
		crypto_shorthash(hash, q, 32, key);
		if (memcmp(hash, q + 32, sizeof hash) != 0)
			return RC_DAMAGED;
	}
	h->flags = q[6];
	h->codec = q[7];
	h->seq = be_get64(q + 8);
	h->time = be_get64(q + 16);
	h->crc = be_get32(q + 24);
	h->decoded_len = be_get32(q + 28);
	return RC_OK;
}

int
rec_header_mend(
    const void *p, const unsigned char key[SEG_KEY], struct rec_header *h)
{
	unsigned char copy[REC_HEADER];

	memcpy(copy, p, sizeof copy);
	for (unsigned i = 0; i < 8 * REC_HEADER; i++) {
		copy[i / 8] ^= (unsigned char)(1u << i % 8);
		if (rec_header_decode(copy, key, h) == RC_OK)
			return RC_OK;
		copy[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	return RC_DAMAGED;
}

void
commit_encode(const struct commit *c, void *out)
{
	unsigned char *p = out;

	be_put64(p, c->flushed);
	be_put32(p + 8, c->count);
	be_put32(p + 12, c->flags);
}

int
commit_decode(struct sv payload, struct commit *c)
{
	if (payload.n != COMMIT_BYTES)
		return RC_DAMAGED;
	c->flushed = be_get64(payload.p);
	c->count = be_get32(payload.p + 8);
	c->flags = be_get32(payload.p + 12);
	return RC_OK;
}

void
body_ref_encode(const struct body_ref *r, void *out)
{
	unsigned char *p = out;

	be_put64(p, r->name);
	be_put64(p + 8, r->size);
	be_put32(p + 16, r->crc);
}

int
body_ref_decode(struct sv payload, struct body_ref *r)
{
	if (payload.n != REF_BYTES)
		return RC_DAMAGED;
	r->name = be_get64(payload.p);
	r->size = be_get64(payload.p + 8);
	r->crc = be_get32(payload.p + 16);
	return RC_OK;
}

void
seg_name(uint32_t number, const char *suffix, char out[SEG_NAME_MAX])
{
	(void)snprintf(out, SEG_NAME_MAX, "%06u%s", number, suffix);
}

bool
seg_name_parse(const char *name, const char *suffix, uint32_t *out)
{
	struct sv s = sv_str(name);
	char again[SEG_NAME_MAX];
	uint32_t v;

	if (!sv_ends(s, sv_str(suffix)))
		return false;
	if (sv_to_u32(sv_first(s, s.n - strlen(suffix)), UINT32_MAX, &v) !=
	    RC_OK)
		return false;
	/* One spelling only: 7 and 0000007 are not ours. */
	seg_name(v, suffix, again);
	if (v == 0 || !sv_eq(s, sv_str(again)))
		return false;
	*out = v;
	return true;
}

#define BODY_PREFIX "body-"

void
body_name(uint64_t name, char out[SEG_NAME_MAX])
{
	(void)snprintf(
	    out, SEG_NAME_MAX, BODY_PREFIX "%016llx", (unsigned long long)name);
}

bool
body_name_parse(const char *name, uint64_t *out)
{
	struct sv s = sv_str(name);
	char again[SEG_NAME_MAX];
	uint64_t v = 0;

	if (!sv_starts(s, SV(BODY_PREFIX)) || s.n != strlen(BODY_PREFIX) + 16)
		return false;
	for (size_t i = strlen(BODY_PREFIX); i < s.n; i++) {
		int d = ascii_hex(s.p[i]);

		if (d < 0)
			return false;
		v = v << 4 | (uint64_t)d;
	}
	body_name(v, again);
	if (!sv_eq(s, sv_str(again)))
		return false;
	*out = v;
	return true;
}
