#include "web/self/self_priv.h"

#include <stdio.h>

#include "ipc/proto.h"

#define SECOND	  1000
#define EACH_PAGE 40 /* logins */

static void
put_session(struct self *s, const struct person_session *p)
{
	struct buf text;
	char number[24];

	buf_init(&text, PAGE_BODY_MAX);
	self_put_agent(p->agent, &text);
	(void)snprintf(
	    number, sizeof number, "%llu", (unsigned long long)p->number);
	page_row(&s->page);
	page_cell(&s->page, buf_sv(&text));
	page_cell(&s->page, p->peer);
	page_cell_say(&s->page, W_PLAIN, page_time(p->begun * SECOND));
	page_cell_say(&s->page, W_PLAIN, page_time(p->used * SECOND));
	if (p->number == s->v->session) {
		page_cell_say(&s->page, W_SESSION_THIS);
	} else {
		page_cell_open(&s->page);
		page_press(&s->page, "/sessions/end", W_SESSION_END,
		    PAGE_BUTTON_DANGER, "number", sv_str(number));
		page_cell_end(&s->page);
	}
	page_row_end(&s->page);
	buf_fini(&text);
}

static void
put_sessions(struct self *s)
{
	static const enum page_word heads[] = {
	    W_BROWSER, W_FROM_ADDRESS, W_BEGUN, W_USED, W_NONE};
	struct person_sessions all;
	struct msg m;
	uint32_t i;

	page_section(&s->page, W_SESSIONS_NOW);
	if (self_ask(s, PERSON_SESSIONS, &person_sessions_codec, &m, &all)) {
		page_table(&s->page, W_SESSIONS_NOW, heads, 5);
		for (i = 0; i < all.n; i++)
			put_session(s, &all.s[i]);
		page_table_end(&s->page);
		if (all.n > 1) {
			page_form(&s->page, "/sessions/end-others");
			page_button(
			    &s->page, W_SESSIONS_END, PAGE_BUTTON_DANGER);
			page_form_end(&s->page);
		}
		person_sessions_fini(&all);
		msg_fini(&m);
	}
	page_section_end(&s->page);
}

static void
put_login(struct self *s, const struct person_login *l)
{
	struct buf client;

	buf_init(&client, PAGE_BODY_MAX);
	self_put_agent(l->client, &client);
	page_row(&s->page);
	page_cell_say(&s->page, W_PLAIN, page_time(l->last * SECOND));
	page_cell(&s->page, l->service);
	page_cell(&s->page, l->peer);
	if (client.n > 0)
		page_cell(&s->page, buf_sv(&client));
	else
		page_cell_say(&s->page, W_LOGIN_PASSWORD);
	page_cell_say(&s->page, W_PLAIN, page_count(l->count));
	page_row_end(&s->page);
	buf_fini(&client);
}

void
self_put_logins(
    struct self *s, const struct person_logins *l, uint64_t skip, uint32_t most)
{
	static const enum page_word heads[] = {
	    W_LOGIN_LAST, W_SERVICE, W_FROM_ADDRESS, W_CLIENT, W_LOGIN_COUNT};
	uint32_t i;

	if (l->n == 0) {
		page_say(&s->page, "p", W_LOGINS_NONE);
		return;
	}
	page_table(&s->page, W_LOGINS, heads, 5);
	for (i = 0; i < l->n; i++)
		if (i >= skip && i - skip < most)
			put_login(s, &l->l[i]);
	page_table_end(&s->page);
}

static void
put_logins(struct self *s)
{
	uint64_t skip = self_number(s, "skip");
	struct person_logins l;
	struct msg m;

	page_section(&s->page, W_LOGINS);
	page_say(&s->page, "p", W_LOGINS_ABOUT);
	if (self_ask(s, PERSON_LOGINS, &person_logins_codec, &m, &l)) {
		self_put_logins(s, &l, skip, EACH_PAGE);
		self_turn(s, "/sessions", skip, l.n, EACH_PAGE);
		person_logins_fini(&l);
		msg_fini(&m);
	}
	page_section_end(&s->page);
}

static void
show(struct self *s, const struct person_done *d)
{
	self_begin(s, W_SESSIONS, "/sessions");
	self_say_done(s);
	if (d != NULL)
		self_say_wrong(s, d);
	put_sessions(s);
	put_logins(s);
	self_end(s);
}

void
self_sessions(struct self *s)
{
	show(s, NULL);
}

/* One that is over already is fine. */
static void
end(struct self *s, const struct person_order *o)
{
	struct person_done d;
	struct msg m;

	self_order(s, o, &m, &d);
	if (d.rc == RC_OK || d.rc == RC_NOTFOUND) {
		self_go(s, "/sessions", "done", SV("ended"));
	} else {
		self_refused(s, &d);
		show(s, &d);
	}
	msg_fini(&m);
}

void
self_session_end(struct self *s)
{
	end(s, &(struct person_order){.what = PERSON_SESSION_END,
		   .number = self_number(s, "number")});
}

void
self_sessions_end(struct self *s)
{
	end(s, &(struct person_order){.what = PERSON_SESSIONS_END});
}
