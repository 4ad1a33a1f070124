/* The list of filters. */
#include <stdio.h>

#include "web/self/self_priv.h"

#define EACH_PAGE 20
#define SHOWN_MAX 80

static struct page_arg
shown(const char *text)
{
	return page_text(self_clip(sv_str(text), SHOWN_MAX));
}

static void
put_which(struct self *s, const struct pagerules_filter *f)
{
	page_cell_open(&s->page);
	if (f->from[0] != '\0')
		page_say(&s->page, "p", W_FILTER_IS_FROM, shown(f->from));
	if (f->to[0] != '\0')
		page_say(&s->page, "p", W_FILTER_IS_TO, shown(f->to));
	if (f->subject[0] != '\0')
		page_say(&s->page, "p", W_FILTER_IS_SUBJECT, shown(f->subject));
	page_cell_end(&s->page);
}

static void
put_what(struct self *s, const struct pagerules_filter *f)
{
	page_cell_open(&s->page);
	if (f->action == PAGERULES_MOVES)
		page_say(&s->page, "p", W_FILTER_MOVES, shown(f->folder));
	else if (f->action == PAGERULES_DELETES)
		page_say(&s->page, "p", W_FILTER_DELETES);
	if (f->seen)
		page_say(&s->page, "p", W_FILTER_SEEN);
	if (f->starred)
		page_say(&s->page, "p", W_FILTER_STARRED);
	if (f->action != PAGERULES_STAYS && f->goes_on)
		page_say(&s->page, "p", W_FILTER_GOES_ON);
	page_cell_end(&s->page);
}

static void
put_row(struct self *s, const struct pagerules_filter *f, size_t i)
{
	char id[16], query[32];

	(void)snprintf(id, sizeof id, "%u", f->id);
	(void)snprintf(query, sizeof query, "id=%u", f->id);
	page_row(&s->page);
	page_cell_say(&s->page, W_PLAIN, page_count(i + 1));
	put_which(s, f);
	put_what(s, f);
	page_cell_say(&s->page, f->on ? W_FILTER_ON : W_FILTER_OFF);
	page_cell_open(&s->page);
	page_go(&s->page, "/filters/edit", sv_str(query), W_CHANGE);
	if (i > 0)
		page_button_of(
		    &s->page, W_FILTER_UP, PAGE_BUTTON_PLAIN, "up", sv_str(id));
	page_button_of(&s->page, f->on ? W_FILTER_TURN_OFF : W_FILTER_TURN_ON,
	    PAGE_BUTTON_PLAIN, f->on ? "off" : "on", sv_str(id));
	page_button_of(
	    &s->page, W_REMOVE, PAGE_BUTTON_DANGER, "remove", sv_str(id));
	page_cell_end(&s->page);
	page_row_end(&s->page);
}

static void
put_list(struct self *s, const struct pagerules *r, uint64_t skip)
{
	static const enum page_word heads[] = {W_FILTER_NUMBER, W_FILTER_WHICH,
	    W_FILTER_WHAT, W_FILTER_STATE, W_NONE};

	if (r->nfilter == 0) {
		page_say(&s->page, "p", W_FILTERS_NONE);
		return;
	}
	page_form(&s->page, "/filters");
	page_table(&s->page, W_FILTERS, heads, 5);
	for (size_t i = 0; i < r->nfilter; i++)
		if (i >= skip && i - skip < EACH_PAGE)
			put_row(s, &r->filter[i], i);
	page_table_end(&s->page);
	page_form_end(&s->page);
	self_turn(s, "/filters", skip, r->nfilter, EACH_PAGE);
}

void
self_filters(struct self *s)
{
	struct pagerules r;

	s->v->calls->rules(s->v->arg, &r);
	self_begin(s, W_FILTERS, "/filters");
	self_say_done(s);
	self_put_script(s);
	page_say(&s->page, "p", W_FILTERS_ABOUT);
	put_list(s, &r, self_number(s, "skip"));
	if (r.nfilter < PAGERULES_FILTERS_MAX)
		page_go(&s->page, "/filters/edit", SV(""), W_FILTER_NEW);
	else
		page_say(&s->page, "p", W_FILTERS_FULL, page_count(r.nfilter));
	self_end(s);
	pagerules_fini(&r);
}

/* ---- its buttons ---- */

struct press {
	uint32_t id;
	enum press_what {
		PRESS_ON,
		PRESS_OFF,
		PRESS_UP,
		PRESS_REMOVE,
		PRESSES
	} what;
};

static int
press(void *arg, struct pagerules *r)
{
	const struct press *p = arg;
	struct pagerules_filter *f = pagerules_find(r, p->id);

	if (f == NULL)
		return RC_NOTFOUND;
	if (p->what == PRESS_UP)
		pagerules_raise(r, f);
	else if (p->what == PRESS_REMOVE)
		pagerules_remove(r, f);
	else
		f->on = p->what == PRESS_ON;
	return RC_OK;
}

void
self_filters_do(struct self *s)
{
	static const char *const names[PRESSES] = {
	    [PRESS_ON] = "on",
	    [PRESS_OFF] = "off",
	    [PRESS_UP] = "up",
	    [PRESS_REMOVE] = "remove",
	};
	struct press p = {.id = 0};
	int r;

	for (unsigned i = 0; i < PRESSES; i++)
		if (self_has(s, names[i])) {
			uint64_t id = self_number(s, names[i]);

			p.what = (enum press_what)i;
			p.id = id <= UINT32_MAX ? (uint32_t)id : 0;
		}
	r = self_change(s, PAGERULES_FILTERS, press, &p, "/filters",
	    p.what == PRESS_REMOVE ? "removed" : "saved");
	if (r == RC_DENIED || r == RC_TOOBIG || r == RC_EXISTS ||
	    r == RC_SYNTAX)
		self_sorry(s, 503, W_TRY_LATER);
}
