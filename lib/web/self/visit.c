#include "web/self/self.h"

#include <stdio.h>

#include "base/form.h"
#include "web/self/self_priv.h"

#define VALUE_MAX PAGE_FORM_MAX

static const struct page_link navigation[] = {
    {"/home", W_HOME},
    {"/devices", W_DEVICES},
    {"/restore", W_RESTORE},
    {"/trace", W_TRACE},
    {"/vacation", W_VACATION},
    {"/filters", W_FILTERS},
    {"/forward", W_FORWARD},
    {"/junk", W_JUNK},
    {"/addresses", W_ADDRESSES},
    {"/password", W_PASSWORD},
    {"/second-factor", W_FACTOR},
    {"/sessions", W_SESSIONS},
};

static const struct page_link to_admin = {"/admin", W_ADMIN};

void
self_reply_init(struct self_reply *r)
{
	*r = (struct self_reply){.status = 200, .type = PAGE_TYPE};
	buf_init(&r->location, PAGE_FOLLOW_MAX - 1);
	buf_init(&r->body, PAGE_BODY_MAX);
}

void
self_reply_fini(struct self_reply *r)
{
	buf_fini(&r->location);
	buf_wipe(&r->body);
}

/* ---- pages ---- */

void
self_begin(struct self *s, enum page_word title, const char *here)
{
	const struct self_visit *v = s->v;

	buf_reset(&s->out->body);
	page_begin(&s->page, &s->out->body,
	    &(struct page_frame){.language = s->language,
		.title = title,
		.account = sv_str(v->stranger ? "" : v->account),
		.csrf = v->csrf,
		.nav = navigation,
		.nnav =
		    v->stranger ? 0 : sizeof navigation / sizeof navigation[0],
		.here = here,
		.other = v->admin ? &to_admin : NULL});
	if (s->too_old)
		page_notice(&s->page, PAGE_BAD, W_FORM_TOO_OLD);
}

void
self_end(struct self *s)
{
	if (page_end(&s->page))
		return;
	/* Nothing of it is sent; one sentence always fits. */
	s->out->status = 500;
	buf_wipe(&s->out->body);
	page_begin(&s->page, &s->out->body,
	    &(struct page_frame){.language = s->language, .title = W_SORRY});
	page_say(&s->page, "p", W_TOO_LARGE);
	must(page_end(&s->page));
}

void
self_sorry(struct self *s, unsigned status, enum page_word word)
{
	s->out->status = status;
	buf_reset(&s->out->location);
	self_begin(s, W_SORRY, NULL);
	page_notice(&s->page, PAGE_BAD, word);
	self_end(s);
}

void
self_go(struct self *s, const char *path, const char *name, struct sv value)
{
	struct buf query;

	buf_init(&query, PAGE_FOLLOW_MAX);
	if (name != NULL)
		page_query_add(&query, name, value);
	s->out->status = 303;
	buf_reset(&s->out->location);
	buf_addf(&s->out->location, "%s%s", path, query.n > 0 ? "?" : "");
	buf_addsv(&s->out->location, buf_sv(&query));
	must(buf_ok(&s->out->location));
	buf_fini(&query);
}

/* ---- what was sent ---- */

void
self_get(const struct self *s, const char *name, struct buf *out)
{
	buf_reset(out);
	if (form_get(s->sent, name, out) != RC_OK)
		buf_reset(out);
}

bool
self_has(const struct self *s, const char *name)
{
	struct buf value;
	bool has;

	buf_init(&value, VALUE_MAX);
	has = form_get(s->sent, name, &value) == RC_OK && value.n > 0;
	buf_wipe(&value);
	return has;
}

uint64_t
self_number(const struct self *s, const char *name)
{
	struct buf value;
	uint64_t n = 0;

	buf_init(&value, 32);
	self_get(s, name, &value);
	if (sv_to_u64(buf_sv(&value), UINT64_MAX, &n) != RC_OK)
		n = 0;
	buf_fini(&value);
	return n;
}

struct sv
self_clip(struct sv text, size_t most)
{
	if (text.n <= most)
		return text;
	while (most > 0 && ((unsigned char)text.p[most] & 0xc0) == 0x80)
		most--;
	return sv_first(text, most);
}

static void
put_skip(uint64_t skip, struct buf *query)
{
	char number[24];

	(void)snprintf(number, sizeof number, "%llu", (unsigned long long)skip);
	page_query_add(query, "skip", sv_str(number));
}

void
self_turn(
    struct self *s, const char *path, uint64_t skip, size_t n, size_t each)
{
	struct buf newer, older;

	buf_init(&newer, 64);
	buf_init(&older, 64);
	skip = skip < n ? skip : n;
	if (skip > 0)
		put_skip(skip > each ? skip - each : 0, &newer);
	if (n > each && skip < n - each)
		put_skip(skip + each, &older);
	page_turn(&s->page, path, buf_sv(&newer), buf_sv(&older));
	buf_fini(&newer);
	buf_fini(&older);
}

void
self_say_done(struct self *s)
{
	static const struct {
		const char *name;
		enum page_word word;
	} done[] = {
	    {"revoked", W_DONE_REVOKED},
	    {"gone", W_DONE_GONE},
	    {"ended", W_DONE_ENDED},
	    {"password", W_DONE_PASSWORD},
	    {"factor-off", W_DONE_FACTOR_OFF},
	    {"saved", W_SAVED},
	    {"removed", W_REMOVED},
	    {"not-there", W_NOT_THERE},
	};
	struct buf value;
	size_t i;

	buf_init(&value, 64);
	self_get(s, "done", &value);
	for (i = 0; i < sizeof done / sizeof done[0]; i++)
		if (sv_eq(buf_sv(&value), sv_str(done[i].name)))
			page_notice(&s->page, PAGE_NEWS, done[i].word);
	buf_fini(&value);
}
