/*
 * A report as it is put together by its reader (ipc/msg_report.h has its
 * fields): everything bounded, whatever a stranger sends.
 *
 * Sources of the same outcome are one; those beyond the room are only counted.
 * Mails that passed and mails that failed have room of their own, so that a
 * flood of forgeries does not hide who sends rightly, nor the other way round.
 */
#ifndef REPORT_RECORD_H
#define REPORT_RECORD_H

#include "base/arena.h"
#include "base/buf.h"
#include "ipc/msg_report.h"

struct report_limits {
	size_t unpacked; /* bytes of one report */
	uint32_t records;
	uint32_t depth; /* of elements, objects */
	uint32_t files; /* looked into, of one mail */
	size_t bytes;	/* of all texts that are kept of a report */
};

/* A year of a large provider's mail has fewer records. */
#define REPORT_LIMITS_DEFAULT                          \
	((struct report_limits){.unpacked = 16u << 20, \
	    .records = 20000,                          \
	    .depth = 16,                               \
	    .files = 32,                               \
	    .bytes = 40000})

struct report_builder {
	const struct report_limits *limits;
	struct arena arena;
	struct report_record r; /* its texts are in the arena */
	size_t source_cap, tls_cap;
	size_t bytes; /* of texts */
	uint32_t npassed;
};

/* limits: borrowed. */
void report_builder_init(
    struct report_builder *b, const struct report_limits *limits);
void report_builder_fini(struct report_builder *b);

/*
 * A stranger's text as it is kept: valid UTF-8 without control characters and
 * without blanks at its ends, cut to what a record takes.
 */
struct sv report_text(struct report_builder *b, struct sv s);
/* An address is written as everybody writes it; what is not one, as a text. */
struct sv report_address(struct report_builder *b, struct sv s);
/* A number of seconds, or of milliseconds, or [RFC 3339]; 0: neither. */
int64_t report_time(struct sv s);
/* A domain: lower case, without a dot at its end. */
struct sv report_domain(struct report_builder *b, struct sv s);

/* Adds a source; its texts may be anywhere. */
void report_add_source(struct report_builder *b, const struct report_source *s);
void report_add_tls(struct report_builder *b, const struct report_tls *t);

/* A stranger's numbers have no bounds, their sum has one. */
static inline void
report_add_up(uint64_t *sum, uint64_t v)
{
	*sum = *sum > UINT64_MAX - v ? UINT64_MAX : *sum + v;
}

/* Did the mails pass DMARC? */
static inline bool
report_source_passed(const struct report_source *s)
{
	return s->dkim_aligned || s->spf_aligned;
}

/* The first thing that is wrong stays. */
void report_trouble(struct report_builder *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * What two copies of one report have in common and no other report has:
 * kind, organisation, domain and id, or where there is no id, the time.
 */
void report_key(const struct report_record *r, struct buf *out);

#endif
