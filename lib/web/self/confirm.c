/*
 * The page for somebody who has got a letter: may mail be forwarded to you?
 *
 * They have not signed in; the path has what only the letter knew.  Looking at
 * it changes nothing: programs that look into mail open links.
 */
#include "web/self/self_priv.h"

#define SECOND 1000
#define PATH   "/confirm/"

struct confirming {
	int64_t now;
	uint8_t secret[PAGERULES_SECRET];
	bool press;
	char to[PAGERULES_ADDRESS_MAX + 1];
};

_Static_assert(PAGERULES_SECRET == PAGE_LINK_SECRET, "pagerules/pagerules.h");

static int
confirm(void *arg, struct pagerules *r)
{
	struct pagerules_forward *f = &r->forward;
	struct confirming *c = arg;
	int rc = pagerules_look(f, c->now, c->secret);

	if (rc == RC_OK || rc == RC_EXISTS)
		sv_copy(sv_str(f->to), c->to, sizeof c->to);
	if (rc == RC_OK && c->press)
		f->confirmed = true;
	return rc;
}

static void
over(struct self *s)
{
	s->out->status = 404;
	self_begin(s, W_CONFIRM, NULL);
	page_notice(&s->page, PAGE_BAD, W_CONFIRM_OVER);
	self_end(s);
}

static void
show(struct self *s, const struct confirming *c, int rc, struct sv path)
{
	const struct page_arg own = page_text(self_first_address(s->v)),
			      to = page_text(sv_str(c->to));
	char action[sizeof PATH + PAGE_TOKEN_MAX];

	self_begin(s, W_CONFIRM, NULL);
	if (rc == RC_EXISTS) {
		page_notice(&s->page, PAGE_GOOD, W_CONFIRM_WAS, own, to);
	} else if (c->press) {
		page_notice(&s->page, PAGE_GOOD, W_CONFIRM_DONE, own, to);
	} else {
		sv_copy(path, action, sizeof action);
		page_say(&s->page, "p", W_CONFIRM_ASK, own, to);
		page_form(&s->page, action);
		page_button(&s->page, W_CONFIRM_PRESS, PAGE_BUTTON_MAIN);
		page_form_end(&s->page);
	}
	self_end(s);
}

void
self_confirm(struct self *s)
{
	struct sv path = s->v->ask->path;
	struct confirming c = {
	    .now = s->v->now / SECOND, .press = s->v->ask->method == PAGE_POST};
	struct pagerules r;
	int rc;

	if (!sv_starts(path, SV(PATH)) ||
	    path.n >= sizeof PATH + PAGE_TOKEN_MAX ||
	    !page_link_secret(sv_skip(path, sizeof PATH - 1), c.secret)) {
		over(s);
		return;
	}
	if (c.press) {
		rc = s->v->calls->change(
		    s->v->arg, PAGERULES_FORWARD, confirm, &c);
	} else {
		s->v->calls->rules(s->v->arg, &r);
		rc = confirm(&c, &r);
		pagerules_fini(&r);
	}
	if (rc == RC_OK || rc == RC_EXISTS)
		show(s, &c, rc, path);
	else if (rc == RC_NOTFOUND)
		over(s);
	else
		self_sorry(s, 503, W_TRY_LATER);
	explicit_bzero(c.secret, sizeof c.secret);
}
