/* Mail that is forwarded, and the letter that asks there. */
#include <stdio.h>

#include "clients/clients.h"
#include "pagerules/idn.h"
#include "web/self/self_priv.h"

#define SECOND	   1000
#define LETTER_MAX (16u << 10)

struct entered {
	struct sv to;
	bool on, keep;
	enum page_word wrong; /* of the address */
};

/* ---- the page ---- */

static void
put_state(struct self *s, const struct pagerules_forward *f)
{
	const bool waits =
	    s->v->now / SECOND - f->asked_s < PAGERULES_CONFIRM_S;
	struct sv to = sv_str(f->to);

	if (f->to[0] == '\0')
		page_notice(&s->page, PAGE_NEWS, W_FORWARD_NOWHERE);
	else if (!f->confirmed && waits)
		page_notice(&s->page, PAGE_WARN, W_FORWARD_WAITS, page_text(to),
		    page_time(f->asked_s * SECOND));
	else if (!f->confirmed)
		page_notice(&s->page, PAGE_BAD, W_FORWARD_OVER, page_text(to));
	else
		page_notice(&s->page, f->on ? PAGE_GOOD : PAGE_NEWS,
		    f->on ? W_FORWARD_IS_ON : W_FORWARD_IS_OFF, page_text(to));
}

static void
put_form(struct self *s, const struct entered *e)
{
	page_form(&s->page, "/forward");
	page_field(&s->page,
	    &(struct page_field){.name = "to",
		.type = "email",
		.label = W_FORWARD_TO,
		.error = e->wrong,
		.value = e->to,
		.attributes = "maxlength=\"320\" spellcheck=\"false\""});
	page_tick(&s->page,
	    &(struct page_tick){
		.name = "on", .label = W_FORWARD_ON, .ticked = e->on});
	page_tick(&s->page, &(struct page_tick){.name = "keep",
				.label = W_FORWARD_KEEP,
				.hint = W_FORWARD_KEEP_HINT,
				.ticked = e->keep});
	page_button(&s->page, W_SAVE, PAGE_BUTTON_MAIN);
	page_form_end(&s->page);
}

static void
put_button(struct self *s, const char *action, enum page_word word,
    enum page_button kind)
{
	page_form(&s->page, action);
	page_button(&s->page, word, kind);
	page_form_end(&s->page);
}

static void
show(struct self *s, const struct entered *entered, enum page_word wrong)
{
	struct pagerules r;
	struct entered e;

	s->v->calls->rules(s->v->arg, &r);
	e = (struct entered){.to = sv_str(r.forward.to),
	    .on = r.forward.to[0] == '\0' || r.forward.on,
	    .keep = r.forward.keep};
	self_begin(s, W_FORWARD, "/forward");
	self_say_done(s);
	if (self_has(s, "sent") && r.forward.to[0] != '\0')
		page_notice(&s->page, PAGE_NEWS, W_FORWARD_SENT,
		    page_text(sv_str(r.forward.to)));
	if (wrong != W_NONE)
		page_notice(&s->page, PAGE_BAD, wrong);
	put_state(s, &r.forward);
	self_put_script(s);
	page_say(&s->page, "p", W_FORWARD_ABOUT);
	put_form(s, entered != NULL ? entered : &e);
	if (r.forward.to[0] != '\0') {
		if (!r.forward.confirmed)
			put_button(s, "/forward/again", W_FORWARD_AGAIN,
			    PAGE_BUTTON_PLAIN);
		put_button(s, "/forward/remove", W_REMOVE, PAGE_BUTTON_DANGER);
	}
	self_end(s);
	pagerules_fini(&r);
}

void
self_forward(struct self *s)
{
	show(s, NULL, W_NONE);
}

/* ---- the letter ---- */

/* In the language of who asks: who is asked knows them. */
static int
send_letter(
    struct self *s, struct sv to, const uint8_t secret[PAGERULES_SECRET])
{
	const struct sv own = self_first_address(s->v);
	struct clients_server server;
	struct buf link, subject, text;
	int r;

	buf_init(&link, 512);
	buf_init(&subject, 1024);
	buf_init(&text, LETTER_MAX);
	clients_server_of(s->v->conf, &server);
	clients_put_origin(&server, &link);
	buf_adds(&link, "/confirm/");
	page_link_put(sv_str(s->v->account), secret, &link);
	const struct page_arg args[] = {
	    page_text(own), page_text(to), page_text(buf_sv(&link))};

	page_words(s->language, W_CONFIRM_SUBJECT, args, 1, &subject);
	page_words(s->language, W_CONFIRM_LETTER, args, 3, &text);
	r = buf_ok(&link) && buf_ok(&subject) && buf_ok(&text)
		? s->v->calls->letter(
		      s->v->arg, to, buf_sv(&subject), buf_sv(&text))
		: RC_TOOBIG;
	buf_wipe(&text);
	buf_fini(&subject);
	buf_wipe(&link);
	return r;
}

/* ---- changed ---- */

struct change {
	const struct entered *e; /* NULL: only ask again */
	int64_t now;
	char to[PAGERULES_ADDRESS_MAX + 1];
	bool asks; /* with this secret */
	uint8_t secret[PAGERULES_SECRET];
};

/* Another address has not agreed to anything. */
static int
set(void *arg, struct pagerules *r)
{
	struct pagerules_forward *f = &r->forward;
	struct change *c = arg;
	bool same = true;
	int rc = RC_OK;

	if (c->e != NULL) {
		same = sv_ieq(sv_str(f->to), c->e->to);
		f->on = c->e->on;
		f->keep = c->e->keep;
	}
	if (f->to[0] == '\0' && c->e == NULL)
		return RC_NOTFOUND;
	if (!same) {
		pagerules_set(&f->to, c->e->to);
		f->confirmed = f->asked = false;
	}
	c->asks = !f->confirmed && (!same || c->e == NULL);
	if (c->asks)
		rc = pagerules_ask(f, c->now, c->secret);
	sv_copy(sv_str(f->to), c->to, sizeof c->to);
	return rc;
}

static int
unask(void *arg, struct pagerules *r)
{
	(void)arg;
	r->forward.asked = false;
	if (r->forward.letters > 0)
		r->forward.letters--;
	return RC_OK;
}

/* Nobody has been asked. */
static void
not_sent(struct self *s)
{
	(void)!self_change(
	    s, PAGERULES_FORWARD, unask, NULL, "/forward", "saved");
	self_sorry(s, 503, W_TRY_LATER);
}

static void
change(struct self *s, const struct entered *e)
{
	struct change c = {.e = e, .now = s->v->now / SECOND};
	int r = self_change(s, PAGERULES_FORWARD, set, &c, "/forward", "saved");

	if (r == RC_OK && c.asks) {
		if (send_letter(s, sv_str(c.to), c.secret) == RC_OK)
			self_go(s, "/forward", "sent", SV("1"));
		else
			not_sent(s);
	} else if (r == RC_DENIED || r == RC_TOOBIG || r == RC_EXISTS ||
		   r == RC_SYNTAX) {
		s->out->status = r == RC_DENIED ? 429 : 422;
		show(s, e, r == RC_DENIED ? W_FORWARD_ENOUGH : W_TRY_LATER);
	}
	explicit_bzero(c.secret, sizeof c.secret);
}

static enum page_word
why_not(const struct self *s, struct sv to)
{
	const struct conf *c = s->v->conf;
	const int number = conf_account_by_name(c, sv_str(s->v->account));
	const struct sv domain = sv_skip(to, sv_rchr(to, '@') + 1);
	const uint32_t *account;
	size_t n = 0;
	int r;

	if (to.n == 0)
		return W_FIELD_EMPTY;
	if (!pagerules_is_address(to))
		return W_FORWARD_TO_WRONG;
	r = conf_lookup(c, to, &account, &n);
	if (r == RC_NOTFOUND)
		return W_FORWARD_TO_NOBODY;
	if (r != RC_OK && !c->outside && !conf_domain_is_local(c, domain))
		return W_FORWARD_NO_OUTSIDE;
	for (size_t i = 0; r == RC_OK && i < n; i++)
		if (number >= 0 && account[i] == (uint32_t)number)
			return W_FORWARD_TO_MINE;
	return W_NONE;
}

void
self_forward_set(struct self *s)
{
	struct entered e;
	struct buf to, ascii;

	buf_init(&to, PAGE_FORM_MAX);
	buf_init(&ascii, PAGE_FORM_MAX);
	self_get(s, "to", &to);
	/* As it can be sent to. */
	if (idn_ascii(sv_trim(buf_sv(&to)), &ascii) == RC_OK)
		buf_set(&to, buf_sv(&ascii));
	e = (struct entered){.to = sv_trim(buf_sv(&to)),
	    .on = self_has(s, "on"),
	    .keep = self_has(s, "keep")};
	e.wrong = why_not(s, e.to);
	if (e.wrong == W_NONE) {
		change(s, &e);
	} else {
		e.to = self_clip(e.to, PAGERULES_ADDRESS_MAX);
		s->out->status = 422;
		show(s, &e, W_NONE);
	}
	buf_fini(&ascii);
	buf_fini(&to);
}

void
self_forward_again(struct self *s)
{
	change(s, NULL);
}

/* How many letters were sent is not forgotten. */
static int
end(void *arg, struct pagerules *r)
{
	struct pagerules_forward *f = &r->forward;

	(void)arg;
	if (f->to[0] == '\0')
		return RC_NOTFOUND;
	pagerules_set(&f->to, SV(""));
	f->on = f->confirmed = f->asked = false;
	f->keep = true;
	return RC_OK;
}

void
self_forward_remove(struct self *s)
{
	if (self_change(s, PAGERULES_FORWARD, end, NULL, "/forward",
		"removed") == RC_DENIED)
		self_sorry(s, 503, W_TRY_LATER);
}
