#include "web/self/self_priv.h"

#include "ipc/proto.h"

struct fields {
	struct self_wrong old, new, again;
};

static void
put_fields(struct self *s, const struct fields *f)
{
	page_field(&s->page, &(struct page_field){.name = "old",
				 .type = "password",
				 .label = W_PASSWORD_OLD,
				 .error = f->old.word,
				 .error_text = f->old.text,
				 .autocomplete = "current-password"});
	page_field(&s->page, &(struct page_field){.name = "new",
				 .type = "password",
				 .label = W_PASSWORD_NEW,
				 .hint = W_PASSWORD_RULES,
				 .error = f->new.word,
				 .error_text = f->new.text,
				 .autocomplete = "new-password"});
	page_field(&s->page, &(struct page_field){.name = "again",
				 .type = "password",
				 .label = W_PASSWORD_AGAIN,
				 .error = f->again.word,
				 .autocomplete = "new-password"});
}

static void
show(struct self *s, const struct person_done *d, const struct fields *f)
{
	self_begin(s, W_PASSWORD, "/password");
	self_say_done(s);
	if (d != NULL)
		self_say_wrong(s, d);
	page_say(&s->page, "p", W_PASSWORD_ABOUT);
	page_form(&s->page, "/password");
	self_put_account(s);
	put_fields(s, f);
	page_button(&s->page, W_PASSWORD_SET, PAGE_BUTTON_MAIN);
	page_form_end(&s->page);
	self_end(s);
}

void
self_password(struct self *s)
{
	show(s, NULL, &(struct fields){.old = {W_NONE, SV("")}});
}

static void
set(struct self *s, struct sv old, struct sv new)
{
	const struct person_order o = {
	    .what = PERSON_PASSWORD, .text = new, .password = old};
	struct fields f = {.old = {W_NONE, SV("")}};
	struct person_done d;
	struct msg m;

	self_order(s, &o, &m, &d);
	if (d.rc == RC_OK) {
		self_go(s, "/password", "done", SV("password"));
	} else {
		self_refused(s, &d);
		f.old = self_wrong(&d, PERSON_FIELD_PASSWORD);
		f.new = self_wrong(&d, PERSON_FIELD_TEXT);
		show(s, &d, &f);
	}
	msg_fini(&m);
}

void
self_password_set(struct self *s)
{
	struct fields f = {.old = {W_NONE, SV("")}};
	struct buf old, new, again;

	buf_init(&old, PAGE_PASSWORD_MAX - 1);
	buf_init(&new, PAGE_PASSWORD_MAX - 1);
	buf_init(&again, PAGE_PASSWORD_MAX - 1);
	self_get(s, "old", &old);
	self_get(s, "new", &new);
	self_get(s, "again", &again);
	if (old.n == 0)
		f.old.word = W_FIELD_EMPTY;
	if (new.n == 0)
		f.new.word = W_FIELD_EMPTY;
	else if (!sv_eq(buf_sv(&new), buf_sv(&again)))
		f.again.word = W_PASSWORD_DIFFERS;
	if (f.old.word == W_NONE &&
	    f.new.word == W_NONE &&f.again.word == W_NONE) {
		set(s, buf_sv(&old), buf_sv(&new));
	} else {
		s->out->status = 422;
		show(s, NULL, &f);
	}
	buf_wipe(&old);
	buf_wipe(&new);
	buf_wipe(&again);
}
