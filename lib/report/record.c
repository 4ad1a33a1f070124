#include "report/record.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

#include "base/ascii.h"
#include "base/network.h"
#include "base/utf8.h"

#define PASSED_MAX (REPORT_SOURCES_MAX / 2)
#define LATEST	   253402300799 /* the end of the year 9999 */

void
report_builder_init(
    struct report_builder *b, const struct report_limits *limits)
{
	*b = (struct report_builder){.limits = limits};
	arena_init(&b->arena);
}

void
report_builder_fini(struct report_builder *b)
{
	arena_reset(&b->arena);
	b->r = (struct report_record){.kind = 0};
}

/* ---- texts ---- */

static bool
is_control(uint32_t c)
{
	/* C0, DEL, C1, and what turns the direction of writing. */
	return c < 0x20 || (c >= 0x7f && c < 0xa0) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Without controls; a run of blanks is one space. */
static void
clean(struct sv s, struct buf *out)
{
	bool blank = false;
	uint32_t c;

	s = sv_trim(s);
	while (s.n > 0 && out->n < REPORT_TEXT_MAX - 5) {
		if (utf8_next(&s, &c) != RC_OK)
			c = 0xfffd;
		if (c == ' ' || is_control(c)) {
			blank = out->n > 0;
			continue;
		}
		if (blank)
			buf_addc(out, ' ');
		blank = false;
		utf8_put(out, c);
	}
}

static struct sv
keep(struct report_builder *b, struct sv s)
{
	return s.n > 0 ? arena_dup(&b->arena, s) : SV("");
}

struct sv
report_text(struct report_builder *b, struct sv s)
{
	struct buf text;
	struct sv v;

	buf_init(&text, REPORT_TEXT_MAX);
	clean(s, &text);
	v = keep(b, buf_sv(&text));
	buf_fini(&text);
	return v;
}

struct sv
report_domain(struct report_builder *b, struct sv s)
{
	struct buf text;
	struct sv v;
	size_t i;

	buf_init(&text, REPORT_TEXT_MAX);
	clean(s, &text);
	for (i = 0; i < text.n; i++)
		text.p[i] = ascii_lower(text.p[i]);
	if (text.n > 0 && text.p[text.n - 1] == '.')
		buf_truncate(&text, text.n - 1);
	v = keep(b, buf_sv(&text));
	buf_fini(&text);
	return v;
}

struct sv
report_address(struct report_builder *b, struct sv s)
{
	char text[NETWORK_PEER_MAX], out[INET6_ADDRSTRLEN];
	struct in6_addr a;

	s = sv_trim(s);
	if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = sv_of(s.p + 1, s.n - 2);
	if (s.n >= sizeof text || sv_chr(s, '\0') < s.n)
		return report_text(b, s);
	sv_copy(s, text, sizeof text);
	if (!network_address(text, &a))
		return report_text(b, s);
	if (IN6_IS_ADDR_V4MAPPED(&a))
		(void)inet_ntop(AF_INET, a.s6_addr + 12, out, sizeof out);
	else
		(void)inet_ntop(AF_INET6, &a, out, sizeof out);
	return keep(b, sv_str(out));
}

/* ---- times ---- */

static bool
take_number(struct sv *s, size_t digits, int *out)
{
	uint64_t v;

	if (s->n < digits || sv_to_u64(sv_first(*s, digits), 9999, &v) != RC_OK)
		return false;
	*s = sv_skip(*s, digits);
	*out = (int)v;
	return true;
}

static bool
take_byte(struct sv *s, const char *any)
{
	if (s->n == 0 || s->p[0] == '\0' || strchr(any, s->p[0]) == NULL)
		return false;
	*s = sv_skip(*s, 1);
	return true;
}

/* [RFC 3339 5.6], the zone may be missing. */
static int64_t
date_time(struct sv s)
{
	struct tm t = {.tm_isdst = 0};
	int hour, minute = 0;
	int64_t at, east = 0;
	bool minus;

	if (!take_number(&s, 4, &t.tm_year) || !take_byte(&s, "-") ||
	    !take_number(&s, 2, &t.tm_mon) || !take_byte(&s, "-") ||
	    !take_number(&s, 2, &t.tm_mday))
		return 0;
	if (t.tm_year < 1970 || t.tm_mon < 1 || t.tm_mon > 12 ||
	    t.tm_mday < 1 || t.tm_mday > 31)
		return 0;
	if (take_byte(&s, "Tt ") &&
	    (!take_number(&s, 2, &t.tm_hour) || !take_byte(&s, ":") ||
		!take_number(&s, 2, &t.tm_min) || !take_byte(&s, ":") ||
		!take_number(&s, 2, &t.tm_sec)))
		return 0;
	if (take_byte(&s, "."))
		while (s.n > 0 && ascii_is_digit(s.p[0]))
			s = sv_skip(s, 1);
	minus = s.n > 0 && s.p[0] == '-';
	if (take_byte(&s, "+-") && take_number(&s, 2, &hour)) {
		(void)take_byte(&s, ":");
		(void)take_number(&s, 2, &minute);
		east = (int64_t)hour * 3600 + (int64_t)minute * 60;
	}
	t.tm_year -= 1900;
	t.tm_mon--;
	at = (int64_t)timegm(&t) - (minus ? -east : east);
	return at > 0 ? at : 0;
}

int64_t
report_time(struct sv s)
{
	struct sv rest = sv_trim(s), number = rest;
	uint64_t v;

	if (sv_take_u64(&number, UINT64_MAX, &v) != RC_OK)
		return 0;
	/* "1404086400", "1404086400.0" */
	if (number.n > 0 && number.p[0] != '.')
		return date_time(rest);
	if (v > LATEST)
		v /= 1000;
	return v <= LATEST ? (int64_t)v : 0;
}

/* ---- lists ---- */

static size_t
size_of(const struct report_source *s)
{
	return 60 + s->address.n + s->author.n + s->dkim_domain.n +
	       s->dkim_result.n + s->spf_domain.n + s->spf_result.n +
	       s->reason.n;
}

static bool
same(const struct report_source *a, const struct report_source *b)
{
	return a->done == b->done && a->dkim_aligned == b->dkim_aligned &&
	       a->spf_aligned == b->spf_aligned &&
	       sv_eq(a->address, b->address) && sv_eq(a->author, b->author) &&
	       sv_eq(a->dkim_domain, b->dkim_domain) &&
	       sv_eq(a->dkim_result, b->dkim_result) &&
	       sv_eq(a->spf_domain, b->spf_domain) &&
	       sv_eq(a->spf_result, b->spf_result) &&
	       sv_eq(a->reason, b->reason);
}

static struct report_source *
find_same(struct report_record *r, const struct report_source *s)
{
	uint32_t i;

	for (i = 0; i < r->nsource; i++)
		if (same(&r->source[i], s))
			return &r->source[i];
	return NULL;
}

static bool
has_room(const struct report_builder *b, bool passed, size_t size)
{
	uint32_t n = passed ? b->npassed : b->r.nsource - b->npassed;
	uint32_t max = passed ? PASSED_MAX : REPORT_SOURCES_MAX - PASSED_MAX;

	return n < max && b->bytes + size <= b->limits->bytes;
}

void
report_add_source(struct report_builder *b, const struct report_source *in)
{
	struct report_record *r = &b->r;
	bool passed = report_source_passed(in);
	struct report_source s = *in, *old;

	s.address = report_address(b, in->address);
	s.author = report_domain(b, in->author);
	s.dkim_domain = report_domain(b, in->dkim_domain);
	s.dkim_result = report_domain(b, in->dkim_result);
	s.spf_domain = report_domain(b, in->spf_domain);
	s.spf_result = report_domain(b, in->spf_result);
	s.reason = report_text(b, in->reason);
	old = find_same(r, &s);
	if (old != NULL) {
		report_add_up(&old->count, s.count);
		return;
	}
	if (!has_room(b, passed, size_of(&s))) {
		report_add_up(
		    passed ? &r->more_passed : &r->more_failed, s.count);
		return;
	}
	b->bytes += size_of(&s);
	b->npassed += passed;
	r->source = arena_grow(&b->arena, r->source, &b->source_cap,
	    r->nsource + 1, sizeof *r->source);
	r->source[r->nsource++] = s;
}

void
report_add_tls(struct report_builder *b, const struct report_tls *in)
{
	struct report_record *r = &b->r;
	struct report_tls t = *in;
	size_t size;

	t.policy = report_domain(b, in->policy);
	t.domain = report_domain(b, in->domain);
	t.failure = report_domain(b, in->failure);
	t.mx = report_domain(b, in->mx);
	t.mx_address = report_address(b, in->mx_address);
	t.sender_address = report_address(b, in->sender_address);
	t.info = report_text(b, in->info);
	size = 60 + t.policy.n + t.domain.n + t.failure.n + t.mx.n +
	       t.mx_address.n + t.sender_address.n + t.info.n;
	if (r->ntls >= REPORT_TLS_MAX || b->bytes + size > b->limits->bytes) {
		/* A summary's sessions are not lost. */
		if (t.failure.n == 0) {
			report_add_up(&r->more_passed, t.good);
			report_add_up(&r->more_failed, t.bad);
		}
		return;
	}
	b->bytes += size;
	r->tls = arena_grow(
	    &b->arena, r->tls, &b->tls_cap, r->ntls + 1, sizeof *r->tls);
	r->tls[r->ntls++] = t;
}

void
report_trouble(struct report_builder *b, const char *fmt, ...)
{
	char text[REPORT_TEXT_MAX];
	va_list ap;

	if (b->r.trouble.n > 0)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	b->r.trouble = report_text(b, sv_str(text));
}

void
report_key(const struct report_record *r, struct buf *out)
{
	struct sv org = r->org;

	buf_addf(out, "%u\n", (unsigned)r->kind);
	for (; org.n > 0; org = sv_skip(org, 1))
		buf_addc(out, ascii_lower(org.p[0]));
	buf_addf(out, "\n%.*s\n", SV_ARG(r->domain));
	if (r->id.n > 0)
		buf_addsv(out, r->id);
	else
		buf_addf(
		    out, "%lld-%lld", (long long)r->begin, (long long)r->end);
}
