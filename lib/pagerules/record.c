/* The records, and how they are changed. */
#include "pagerules/pagerules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/base64.h"
#include "base/form.h"
#include "base/utf8.h"
#include "mail/lex.h"
#include "mail/path.h"
#include "pagerules/idn.h"
#include "pagerules/zone.h"

#define DAY_S (24 * 3600)

const char *
pagerules_name(enum pagerules_part part)
{
	static const char *const names[PAGERULES_PARTS] = {
	    [PAGERULES_BLOCKED] = "blocked",
	    [PAGERULES_FILTERS] = "filters",
	    [PAGERULES_FORWARD] = "forward",
	    [PAGERULES_VACATION] = "vacation",
	};

	return names[part];
}

/* ---- life ---- */

/* What a script can have in it: whatever a form has sent, the others run. */
void
pagerules_set(char **text, struct sv to)
{
	struct buf b;

	buf_init(&b, 3 * to.n + 1);
	utf8_repair(&b, to);
	for (size_t i = 0; i < b.n; i++)
		if (ascii_is_ctl(b.p[i]) && b.p[i] != '\n' && b.p[i] != '\t')
			b.p[i] = ' ';
	free(*text);
	*text = sv_dup(buf_sv(&b));
	buf_fini(&b);
}

static void
vacation_fini(struct pagerules_vacation *v)
{
	free(v->subject);
	free(v->text);
	free(v->zone);
}

static void
vacation_reset(struct pagerules_vacation *v)
{
	vacation_fini(v);
	*v = (struct pagerules_vacation){.subject = xstrdup(""),
	    .text = xstrdup(""),
	    .zone = xstrdup(""),
	    .from = PAGERULES_NO_DAY,
	    .until = PAGERULES_NO_DAY,
	    .days = PAGERULES_DAYS};
}

static void
forward_reset(struct pagerules_forward *f)
{
	free(f->to);
	*f = (struct pagerules_forward){.to = xstrdup(""), .keep = true};
}

static void
filter_fini(struct pagerules_filter *f)
{
	free(f->from);
	free(f->to);
	free(f->subject);
	free(f->folder);
}

static void
filters_reset(struct pagerules *r)
{
	for (size_t i = 0; i < r->nfilter; i++)
		filter_fini(&r->filter[i]);
	r->nfilter = 0;
	r->last_id = 0;
}

static void
blocked_reset(struct pagerules *r)
{
	for (size_t i = 0; i < r->nblocked; i++)
		free(r->blocked[i]);
	r->nblocked = 0;
}

void
pagerules_init(struct pagerules *r)
{
	*r = (struct pagerules){.nblocked = 0};
	vacation_reset(&r->vacation);
	forward_reset(&r->forward);
}

void
pagerules_fini(struct pagerules *r)
{
	vacation_fini(&r->vacation);
	free(r->forward.to);
	filters_reset(r);
	blocked_reset(r);
	free(r->filter);
	free(r->blocked);
	*r = (struct pagerules){.nblocked = 0};
}

/* ---- fields of a line ---- */

static void
put(struct buf *out, const char *name, struct sv value)
{
	if (value.n == 0)
		return;
	if (out->n > 0 && out->p[out->n - 1] != '\n')
		buf_addc(out, '&');
	buf_addf(out, "%s=", name);
	form_encode(value, out);
}

static void
put_bool(struct buf *out, const char *name, bool is)
{
	if (is)
		put(out, name, SV("1"));
}

static void
put_number(struct buf *out, const char *name, int64_t n)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%lld", (long long)n);
	put(out, name, sv_str(text));
}

static void
put_day(struct buf *out, const char *name, int64_t day)
{
	struct buf b;

	if (day == PAGERULES_NO_DAY)
		return;
	buf_init(&b, 32);
	zone_day_print(day, &b);
	put(out, name, buf_sv(&b));
	buf_fini(&b);
}

/* Nothing if it is not there; false, and nothing, if it cannot be read or is
 * larger than that. */
static bool
get(struct sv line, const char *name, size_t max, char **text)
{
	struct buf b;
	int r;

	buf_init(&b, max);
	r = form_get(line, name, &b);
	if (r != RC_OK)
		buf_reset(&b);
	pagerules_set(text, buf_sv(&b));
	buf_fini(&b);
	return r == RC_OK || r == RC_NOTFOUND;
}

static bool
get_bool(struct sv line, const char *name)
{
	struct buf b;
	bool is;

	buf_init(&b, 8);
	is = form_get(line, name, &b) == RC_OK && sv_eq(buf_sv(&b), SV("1"));
	buf_fini(&b);
	return is;
}

static uint64_t
get_number(struct sv line, const char *name, uint64_t max)
{
	struct buf b;
	uint64_t n = 0;

	buf_init(&b, 24);
	if (form_get(line, name, &b) != RC_OK ||
	    sv_to_u64(buf_sv(&b), max, &n) != RC_OK)
		n = 0;
	buf_fini(&b);
	return n;
}

static int64_t
get_day(struct sv line, const char *name)
{
	int64_t day = PAGERULES_NO_DAY;
	struct buf b;

	buf_init(&b, 32);
	if (form_get(line, name, &b) != RC_OK ||
	    zone_day_parse(buf_sv(&b), &day) != RC_OK)
		day = PAGERULES_NO_DAY;
	buf_fini(&b);
	return day;
}

/* ---- each part ---- */

static void
read_vacation(struct pagerules *r, struct sv line)
{
	struct pagerules_vacation *v = &r->vacation;

	vacation_reset(v);
	v->on = get_bool(line, "on");
	v->contacts = get_bool(line, "contacts");
	(void)get(line, "subject", PAGERULES_SUBJECT_MAX, &v->subject);
	(void)get(line, "text", PAGERULES_TEXT_MAX, &v->text);
	(void)get(line, "zone", ZONE_NAME_MAX, &v->zone);
	v->from = get_day(line, "from");
	v->until = get_day(line, "until");
	v->days = (uint32_t)get_number(line, "days", PAGERULES_DAYS_MAX);
	if (v->days == 0)
		v->days = PAGERULES_DAYS;
}

static void
write_vacation(const struct pagerules *r, struct buf *out)
{
	const struct pagerules_vacation *v = &r->vacation;

	put_bool(out, "on", v->on);
	put_bool(out, "contacts", v->contacts);
	put(out, "subject", sv_str(v->subject));
	put(out, "text", sv_str(v->text));
	put(out, "zone", sv_str(v->zone));
	put_day(out, "from", v->from);
	put_day(out, "until", v->until);
	put_number(out, "days", v->days);
	buf_addc(out, '\n');
}

static void
read_forward(struct pagerules *r, struct sv line)
{
	struct pagerules_forward *f = &r->forward;
	struct buf b, hash;

	forward_reset(f);
	(void)get(line, "to", PAGERULES_ADDRESS_MAX, &f->to);
	if (!pagerules_is_address(sv_str(f->to)))
		pagerules_set(&f->to, SV(""));
	f->on = get_bool(line, "on");
	f->keep = !get_bool(line, "away");
	f->confirmed = get_bool(line, "confirmed");
	f->asked_s = (int64_t)get_number(line, "asked", INT64_MAX);
	f->letters = (uint32_t)get_number(line, "letters", UINT32_MAX);
	f->letters_s = (int64_t)get_number(line, "since", INT64_MAX);
	buf_init(&b, 128);
	buf_init(&hash, PAGERULES_HASH);
	f->asked = form_get(line, "hash", &b) == RC_OK &&
		   base64_decode(buf_sv(&b), &hash) == RC_OK &&
		   hash.n == PAGERULES_HASH;
	if (f->asked)
		memcpy(f->hash, hash.p, PAGERULES_HASH);
	buf_fini(&hash);
	buf_fini(&b);
}

static void
write_forward(const struct pagerules *r, struct buf *out)
{
	const struct pagerules_forward *f = &r->forward;
	struct buf b;

	put(out, "to", sv_str(f->to));
	put_bool(out, "on", f->on);
	put_bool(out, "away", !f->keep);
	put_bool(out, "confirmed", f->confirmed);
	put_number(out, "asked", f->asked_s);
	put_number(out, "letters", f->letters);
	put_number(out, "since", f->letters_s);
	if (f->asked) {
		buf_init(&b, 128);
		base64_encode(sv_of(f->hash, PAGERULES_HASH), &b);
		put(out, "hash", buf_sv(&b));
		buf_fini(&b);
	}
	buf_addc(out, '\n');
}

static void
read_filter(struct pagerules *r, struct sv line)
{
	struct pagerules_filter *f;
	uint32_t id = (uint32_t)get_number(line, "id", UINT32_MAX);
	uint32_t last = r->last_id;
	bool whole;

	if (id == 0) {
		r->last_id = (uint32_t)get_number(line, "last", UINT32_MAX);
		return;
	}
	f = pagerules_find(r, id) == NULL ? pagerules_add(r) : NULL;
	if (f == NULL)
		return;
	r->last_id = last > id ? last : id;
	f->id = id;
	whole = get(line, "from", PAGERULES_WORDS_MAX, &f->from) &&
		get(line, "to", PAGERULES_WORDS_MAX, &f->to) &&
		get(line, "subject", PAGERULES_WORDS_MAX, &f->subject) &&
		get(line, "folder", PAGERULES_FOLDER_MAX, &f->folder);
	/* With a condition less it would be another filter. */
	f->on = whole && get_bool(line, "on");
	f->action = (uint8_t)get_number(line, "action", PAGERULES_ACTIONS - 1);
	f->seen = get_bool(line, "seen");
	f->starred = get_bool(line, "starred");
	f->goes_on = get_bool(line, "goes_on");
}

static void
write_filters(const struct pagerules *r, struct buf *out)
{
	put_number(out, "last", r->last_id);
	buf_addc(out, '\n');
	for (size_t i = 0; i < r->nfilter; i++) {
		const struct pagerules_filter *f = &r->filter[i];

		put_number(out, "id", f->id);
		put_bool(out, "on", f->on);
		put(out, "from", sv_str(f->from));
		put(out, "to", sv_str(f->to));
		put(out, "subject", sv_str(f->subject));
		put_number(out, "action", f->action);
		put(out, "folder", sv_str(f->folder));
		put_bool(out, "seen", f->seen);
		put_bool(out, "starred", f->starred);
		put_bool(out, "goes_on", f->goes_on);
		buf_addc(out, '\n');
	}
}

static void
read_blocked(struct pagerules *r, struct sv line)
{
	char *who = NULL;
	bool taken;

	(void)get(line, "who", PAGERULES_ADDRESS_MAX, &who);
	taken = pagerules_block(r, sv_str(who)) == RC_OK;
	(void)taken; /* else it is left out */
	free(who);
}

static void
write_blocked(const struct pagerules *r, struct buf *out)
{
	for (size_t i = 0; i < r->nblocked; i++) {
		put(out, "who", sv_str(r->blocked[i]));
		buf_addc(out, '\n');
	}
}

void
pagerules_read(struct pagerules *r, enum pagerules_part part, struct sv record)
{
	if (part == PAGERULES_FILTERS)
		filters_reset(r);
	else if (part == PAGERULES_BLOCKED)
		blocked_reset(r);
	while (record.n > 0) {
		struct sv line = sv_split(&record, '\n');

		switch (part) {
		case PAGERULES_BLOCKED:
			read_blocked(r, line);
			break;
		case PAGERULES_FILTERS:
			read_filter(r, line);
			break;
		case PAGERULES_FORWARD:
			read_forward(r, line);
			break;
		case PAGERULES_VACATION:
			read_vacation(r, line);
			break;
		case PAGERULES_PARTS:
			break;
		}
	}
}

void
pagerules_write(
    const struct pagerules *r, enum pagerules_part part, struct buf *out)
{
	switch (part) {
	case PAGERULES_BLOCKED:
		write_blocked(r, out);
		break;
	case PAGERULES_FILTERS:
		write_filters(r, out);
		break;
	case PAGERULES_FORWARD:
		write_forward(r, out);
		break;
	case PAGERULES_VACATION:
		write_vacation(r, out);
		break;
	case PAGERULES_PARTS:
		break;
	}
}

/* ---- blocked senders ---- */

bool
pagerules_is_address(struct sv s)
{
	size_t i, at = sv_rchr(s, '@');
	struct mail_path path;
	struct sv rest = s;

	/* What may be in an envelope, but not in a header, is left out. */
	for (i = 0; i < at && s.p[0] != '"'; i++)
		if (!mail_is_atext(s.p[i]) && s.p[i] != '.')
			return false;
	return s.n > 0 && s.n <= PAGERULES_ADDRESS_MAX &&
	       mail_path_parse(&rest, &MAIL_PATH_LIMITS, false, &path) ==
		   RC_OK &&
	       rest.n == 0 && path.domain.n > 0 &&
	       mail_domain_valid(path.domain) && sv_eq(path.mailbox, s);
}

/* In lower case, a domain with its '@': RC_SYNTAX. */
static int
plain_sender(struct sv who, struct buf *out)
{
	struct sv domain;

	who = sv_trim(who);
	if (who.n > PAGERULES_ADDRESS_MAX)
		return RC_SYNTAX;
	if (idn_ascii(who, out) != RC_OK)
		return RC_SYNTAX;
	for (size_t i = 0; i < out->n; i++)
		out->p[i] = ascii_lower(out->p[i]);
	domain = buf_sv(out);
	if (domain.n > 0 && domain.p[0] == '@')
		domain = sv_skip(domain, 1);
	if (sv_chr(domain, '@') < domain.n)
		return pagerules_is_address(buf_sv(out)) ? RC_OK : RC_SYNTAX;
	if (!mail_domain_valid(domain) || sv_chr(domain, '.') >= domain.n)
		return RC_SYNTAX;
	if (domain.n == out->n) {
		struct buf b;

		buf_init(&b, out->max);
		buf_addc(&b, '@');
		buf_addsv(&b, domain);
		buf_set(out, buf_sv(&b));
		buf_fini(&b);
	}
	return RC_OK;
}

static size_t
find_blocked(const struct pagerules *r, struct sv who)
{
	size_t i = 0;

	while (i < r->nblocked && !sv_eq(sv_str(r->blocked[i]), who))
		i++;
	return i;
}

int
pagerules_block(struct pagerules *r, struct sv who)
{
	struct buf plain;
	int rc;

	buf_init(&plain, PAGERULES_ADDRESS_MAX + 2);
	rc = plain_sender(who, &plain);
	if (rc == RC_OK && find_blocked(r, buf_sv(&plain)) < r->nblocked)
		rc = RC_EXISTS;
	if (rc == RC_OK && r->nblocked >= PAGERULES_BLOCKED_MAX)
		rc = RC_TOOBIG;
	if (rc == RC_OK) {
		r->blocked = xgrow(r->blocked, &r->blocked_cap, r->nblocked + 1,
		    sizeof(*r->blocked));
		r->blocked[r->nblocked++] = sv_dup(buf_sv(&plain));
	}
	buf_fini(&plain);
	return rc;
}

int
pagerules_unblock(struct pagerules *r, struct sv who)
{
	size_t i = find_blocked(r, who);

	if (i == r->nblocked)
		return RC_NOTFOUND;
	free(r->blocked[i]);
	memmove(&r->blocked[i], &r->blocked[i + 1],
	    (--r->nblocked - i) * sizeof(*r->blocked));
	return RC_OK;
}

/* ---- filters ---- */

struct pagerules_filter *
pagerules_add(struct pagerules *r)
{
	struct pagerules_filter *f;

	if (r->nfilter >= PAGERULES_FILTERS_MAX)
		return NULL;
	r->filter =
	    xgrow(r->filter, &r->filter_cap, r->nfilter + 1, sizeof *r->filter);
	f = &r->filter[r->nfilter++];
	*f = (struct pagerules_filter){.id = ++r->last_id,
	    .on = true,
	    .from = xstrdup(""),
	    .to = xstrdup(""),
	    .subject = xstrdup(""),
	    .folder = xstrdup("")};
	return f;
}

struct pagerules_filter *
pagerules_find(struct pagerules *r, uint32_t id)
{
	for (size_t i = 0; i < r->nfilter; i++)
		if (r->filter[i].id == id)
			return &r->filter[i];
	return NULL;
}

void
pagerules_remove(struct pagerules *r, struct pagerules_filter *f)
{
	size_t i = (size_t)(f - r->filter);

	filter_fini(f);
	memmove(f, f + 1, (--r->nfilter - i) * sizeof *f);
}

void
pagerules_raise(struct pagerules *r, struct pagerules_filter *f)
{
	struct pagerules_filter above;

	if (f == r->filter)
		return;
	above = f[-1];
	f[-1] = f[0];
	f[0] = above;
}

/* ---- forwarding ---- */

static void
hash_secret(const uint8_t secret[PAGERULES_SECRET], uint8_t out[PAGERULES_HASH])
{
	(void)crypto_generichash(
	    out, PAGERULES_HASH, secret, PAGERULES_SECRET, NULL, 0);
}

int
pagerules_ask(
    struct pagerules_forward *f, int64_t now, uint8_t secret[PAGERULES_SECRET])
{
	if (now - f->letters_s >= DAY_S || f->letters_s > now) {
		f->letters = 0;
		f->letters_s = now;
	}
	if (f->letters >= PAGERULES_LETTERS_MAX)
		return RC_DENIED;
	f->letters++;
	randombytes_buf(secret, PAGERULES_SECRET);
	hash_secret(secret, f->hash);
	f->asked = true;
	f->asked_s = now;
	f->confirmed = false;
	return RC_OK;
}

int
pagerules_look(const struct pagerules_forward *f, int64_t now,
    const uint8_t secret[PAGERULES_SECRET])
{
	uint8_t hash[PAGERULES_HASH];

	hash_secret(secret, hash);
	if (!f->asked || sodium_memcmp(hash, f->hash, sizeof hash) != 0)
		return RC_NOTFOUND;
	if (f->confirmed)
		return RC_EXISTS;
	return now - f->asked_s < PAGERULES_CONFIRM_S ? RC_OK : RC_NOTFOUND;
}
