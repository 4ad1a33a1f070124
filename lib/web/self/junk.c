/* What the server has learned of junk, and senders that are blocked. */
#include "base/ascii.h"
#include "pagerules/idn.h"
#include "web/self/self_priv.h"

#define EACH_PAGE 50
#define DAY_MS	  (24 * 3600 * 1000LL)
#define SHOWN_MAX 120

static void
put_learned(struct self *s)
{
	const struct conf *c = s->v->conf;
	struct self_junk j = {.last_s = 0};

	page_section(&s->page, W_JUNK_LEARNED);
	if (!c->junk.on) {
		page_say(&s->page, "p", W_JUNK_IS_OFF);
	} else if (s->v->calls->junk(s->v->arg, &j) != RC_OK) {
		page_notice(&s->page, PAGE_BAD, W_TRY_LATER);
	} else {
		page_say(&s->page, "p", W_JUNK_LESSONS, page_count(j.junk),
		    page_count(j.wanted));
		if (j.last_s > 0)
			page_say(&s->page, "p", W_JUNK_LAST,
			    page_time(j.last_s * 1000));
		page_say(&s->page, "p", W_JUNK_SHARED, page_count(j.all_junk),
		    page_count(j.all_wanted));
		page_say(&s->page, "p", W_JUNK_THRESHOLD,
		    page_count(c->junk.threshold));
	}
	if (c->junk.on && c->junk.expire_ms > 0)
		page_say(&s->page, "p", W_JUNK_EXPIRES,
		    page_count((uint64_t)(c->junk.expire_ms / DAY_MS)));
	page_say(&s->page, "p", W_JUNK_WHY);
	page_go(&s->page, "/trace", SV(""), W_TRACE);
	page_section_end(&s->page);
}

/* One form: a button for each row says whose it is. */
static void
put_list(struct self *s, const struct pagerules *r, uint64_t skip)
{
	static const enum page_word heads[] = {W_BLOCK_WHO, W_NONE};

	if (r->nblocked == 0) {
		page_say(&s->page, "p", W_BLOCKED_NONE);
		return;
	}
	page_form(&s->page, "/junk/unblock");
	page_table(&s->page, W_BLOCKED, heads, 2);
	for (size_t i = 0; i < r->nblocked; i++) {
		if (i < skip || i - skip >= EACH_PAGE)
			continue;
		page_row(&s->page);
		page_cell(
		    &s->page, self_clip(sv_str(r->blocked[i]), SHOWN_MAX));
		page_cell_open(&s->page);
		page_button_of(&s->page, W_UNBLOCK, PAGE_BUTTON_PLAIN, "who",
		    sv_str(r->blocked[i]));
		page_cell_end(&s->page);
		page_row_end(&s->page);
	}
	page_table_end(&s->page);
	page_form_end(&s->page);
	self_turn(s, "/junk", skip, r->nblocked, EACH_PAGE);
}

static void
show(struct self *s, struct sv entered, enum page_word wrong)
{
	struct pagerules r;

	s->v->calls->rules(s->v->arg, &r);
	self_begin(s, W_JUNK, "/junk");
	self_say_done(s);
	if (wrong == W_BLOCK_FULL)
		page_notice(
		    &s->page, PAGE_BAD, W_BLOCK_FULL, page_count(r.nblocked));
	page_say(&s->page, "p", W_JUNK_ABOUT);
	put_learned(s);
	page_section(&s->page, W_BLOCKED);
	page_say(&s->page, "p", W_BLOCKED_ABOUT);
	put_list(s, &r, self_number(s, "skip"));
	page_form(&s->page, "/junk/block");
	page_field(&s->page,
	    &(struct page_field){.name = "who",
		.label = W_BLOCK_WHO,
		.hint = W_BLOCK_HINT,
		.error = wrong == W_BLOCK_FULL ? W_NONE : wrong,
		.value = entered,
		.attributes = "maxlength=\"320\" spellcheck=\"false\""});
	page_button(&s->page, W_BLOCK, PAGE_BUTTON_MAIN);
	page_form_end(&s->page);
	page_section_end(&s->page);
	self_end(s);
	pagerules_fini(&r);
}

void
self_junk(struct self *s)
{
	show(s, SV(""), W_NONE);
}

/* ---- changed ---- */

/* Blocked are also the domains below it. */
static bool
holds_ours(const struct conf *c, struct sv domain)
{
	for (size_t i = 0; i < c->ndomain; i++) {
		struct sv ours = sv_str(c->domain[i].name);
		size_t more = ours.n - domain.n;

		if (ours.n >= domain.n && sv_ieq(sv_skip(ours, more), domain) &&
		    (more == 0 || ours.p[more - 1] == '.'))
			return true;
	}
	return false;
}

/* Mail of one's own server would be gone unseen.  who: with A-labels. */
static enum page_word
is_ours(const struct self *s, struct sv who)
{
	const int number =
	    conf_account_by_name(s->v->conf, sv_str(s->v->account));
	const uint32_t *account;
	struct sv domain = who;
	size_t n = 0;

	if (sv_chr(who, '@') < who.n)
		domain = sv_skip(who, sv_rchr(who, '@') + 1);
	if (domain.n + 1 >= who.n)
		return holds_ours(s->v->conf, domain) ? W_BLOCK_MINE : W_NONE;
	if (conf_lookup(s->v->conf, who, &account, &n) != RC_OK ||
	    sv_eq(sv_str(conf_lookup_why(s->v->conf, who)), SV("catch-all")))
		return W_NONE;
	for (size_t i = 0; i < n; i++)
		if (number >= 0 && account[i] == (uint32_t)number)
			return W_BLOCK_OWN;
	return W_NONE;
}

/* In whichever form it was typed. */
static enum page_word
why_not(const struct self *s, struct sv who)
{
	enum page_word why;
	struct buf ascii;

	buf_init(&ascii, PAGE_FORM_MAX);
	why =
	    is_ours(s, idn_ascii(who, &ascii) == RC_OK ? buf_sv(&ascii) : who);
	buf_fini(&ascii);
	return why;
}

static int
add(void *arg, struct pagerules *r)
{
	const struct sv *who = arg;

	return pagerules_block(r, *who);
}

void
self_block(struct self *s)
{
	enum page_word wrong;
	struct buf b;
	struct sv who;
	int r;

	buf_init(&b, PAGE_FORM_MAX);
	self_get(s, "who", &b);
	for (size_t i = 0; i < b.n; i++)
		b.p[i] = ascii_lower(b.p[i]);
	who = sv_trim(buf_sv(&b));
	wrong = who.n == 0 ? W_FIELD_EMPTY : why_not(s, who);
	if (who.n > PAGERULES_ADDRESS_MAX) {
		wrong = W_BLOCK_WRONG;
		who = self_clip(who, PAGERULES_ADDRESS_MAX);
	}
	if (wrong == W_NONE) {
		r = self_change(
		    s, PAGERULES_BLOCKED, add, &who, "/junk", "saved");
		wrong = r == RC_SYNTAX	 ? W_BLOCK_WRONG
			: r == RC_EXISTS ? W_BLOCK_TWICE
			: r == RC_TOOBIG ? W_BLOCK_FULL
			: r == RC_DENIED ? W_TRY_LATER
					 : W_NONE;
	}
	if (wrong != W_NONE) {
		s->out->status = 422;
		show(s, who, wrong);
	}
	buf_fini(&b);
}

static int
take_off(void *arg, struct pagerules *r)
{
	const struct sv *who = arg;

	return pagerules_unblock(r, *who);
}

void
self_unblock(struct self *s)
{
	struct buf b;
	struct sv who;

	buf_init(&b, PAGERULES_ADDRESS_MAX + 2);
	self_get(s, "who", &b);
	who = buf_sv(&b);
	if (self_change(s, PAGERULES_BLOCKED, take_off, &who, "/junk",
		"removed") == RC_DENIED)
		self_sorry(s, 503, W_TRY_LATER);
	buf_fini(&b);
}
