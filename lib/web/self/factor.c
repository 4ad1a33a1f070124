/* The second factor: TOTP [RFC 6238], and codes for who has lost the phone. */
#include "base/clk.h"
#include "ipc/proto.h"
#include "web/self/self_priv.h"

struct wrong {
	struct self_wrong password, code;
};

static void
put_password(struct self *s, const struct wrong *w)
{
	page_field(&s->page, &(struct page_field){.name = "password",
				 .type = "password",
				 .label = W_PASSWORD_NOW,
				 .error = w->password.word,
				 .error_text = w->password.text,
				 .autocomplete = "current-password"});
}

/* A text, and long enough for "123 456" and a recovery code. */
static void
put_code(struct self *s, const struct wrong *w, enum page_word hint)
{
	page_field(&s->page, &(struct page_field){.name = "otp",
				 .label = W_CODE,
				 .hint = hint,
				 .error = w->code.word,
				 .error_text = w->code.text,
				 .autocomplete = "one-time-code",
				 .attributes = "inputmode=\"numeric\""});
}

static void
put_on(struct self *s, const struct person_state *state,
    const struct wrong *off, const struct wrong *more)
{
	page_notice(
	    &s->page, PAGE_GOOD, W_FACTOR_IS_ON, page_count(state->recovery));
	page_section(&s->page, W_RECOVERY_MORE);
	page_say(&s->page, "p", W_RECOVERY_ABOUT);
	page_form(&s->page, "/second-factor/more");
	self_put_account(s);
	put_password(s, more);
	put_code(s, more, W_CODE_OR_RECOVERY);
	page_button(&s->page, W_RECOVERY_MORE, PAGE_BUTTON_PLAIN);
	page_form_end(&s->page);
	page_section_end(&s->page);
	page_section(&s->page, W_FACTOR_OFF);
	page_form(&s->page, "/second-factor/off");
	self_put_account(s);
	put_password(s, off);
	put_code(s, off, W_CODE_OR_RECOVERY);
	page_button(&s->page, W_FACTOR_OFF, PAGE_BUTTON_DANGER);
	page_form_end(&s->page);
	page_section_end(&s->page);
}

static void
put_off(struct self *s)
{
	page_say(&s->page, "p", W_FACTOR_IS_OFF);
	page_form(&s->page, "/second-factor/begin");
	page_button(&s->page, W_FACTOR_BEGIN, PAGE_BUTTON_MAIN);
	page_form_end(&s->page);
}

static void
show(struct self *s, const struct person_done *d, const struct wrong *off,
    const struct wrong *more)
{
	struct person_state state;
	struct msg m;

	self_begin(s, W_FACTOR, "/second-factor");
	self_say_done(s);
	if (d != NULL)
		self_say_wrong(s, d);
	page_say(&s->page, "p", W_FACTOR_ABOUT);
	if (self_ask(s, PERSON_STATE, &person_state_codec, &m, &state)) {
		if (state.totp)
			put_on(s, &state, off, more);
		else
			put_off(s);
		person_state_fini(&state);
		msg_fini(&m);
	}
	self_end(s);
}

static const struct wrong none = {{W_NONE, {"", 0}}, {W_NONE, {"", 0}}};

void
self_factor(struct self *s)
{
	show(s, NULL, &none, &none);
}

/* ---- on ---- */

/* What is to be shown on the page that comes next. */
static void
keep(struct self *s, const struct person_done *d, const char *path)
{
	char ticket[SELF_TICKET_MAX];
	struct buf text;

	buf_init(&text, PAGE_BODY_MAX);
	buf_addf(&text, "%.*s\t%.*s", SV_ARG(d->link), SV_ARG(d->secret));
	self_once_put(
	    s->v->once, s->v->session, clk_mono(), buf_sv(&text), ticket);
	self_go(s, path, "ticket", sv_str(ticket));
	buf_wipe(&text);
}

void
self_factor_begin(struct self *s)
{
	struct person_done d;
	struct msg m;

	self_order(
	    s, &(struct person_order){.what = PERSON_TOTP_BEGIN}, &m, &d);
	if (d.rc == RC_OK) {
		keep(s, &d, "/second-factor/new");
	} else {
		d.field = PERSON_FIELD_NONE;
		self_refused(s, &d);
		show(s, &d, &none, &none);
	}
	msg_fini(&m);
}

/* In groups, as it is typed. */
static void
put_secret(struct self *s, struct sv secret)
{
	struct buf text;
	size_t i;

	buf_init(&text, 4 * PERSON_SECRETS_MAX);
	for (i = 0; i < secret.n; i++) {
		if (i > 0 && i % 4 == 0)
			buf_addc(&text, ' ');
		buf_addc(&text, secret.p[i]);
	}
	page_code(&s->page, buf_sv(&text));
	buf_wipe(&text);
}

static void
put_begun(
    struct self *s, struct sv text, struct sv ticket, const struct wrong *wrong)
{
	struct sv uri = sv_split(&text, '\t');

	page_say(&s->page, "p", W_FACTOR_SCAN);
	(void)!page_qr(&s->page, W_FACTOR_QR, uri);
	page_say(&s->page, "p", W_FACTOR_TYPE);
	put_secret(s, text);
	page_form(&s->page, "/second-factor/confirm");
	page_hidden(&s->page, "ticket", ticket);
	put_code(s, wrong, W_CODE_HINT);
	page_button(&s->page, W_FACTOR_CONFIRM, PAGE_BUTTON_MAIN);
	page_form_end(&s->page);
}

/* The secret stays until its time is over: a wrong code is only a wrong one. */
static void
show_begun(
    struct self *s, const struct person_done *d, const struct wrong *wrong)
{
	struct buf ticket, text;

	buf_init(&ticket, SELF_TICKET_MAX);
	buf_init(&text, PAGE_BODY_MAX);
	self_get(s, "ticket", &ticket);
	self_begin(s, W_FACTOR_NEW, "/second-factor");
	if (d != NULL)
		self_say_wrong(s, d);
	if (self_once_take(s->v->once, s->v->session, clk_mono(),
		buf_sv(&ticket), true, &text)) {
		put_begun(s, buf_sv(&text), buf_sv(&ticket), wrong);
	} else {
		page_notice(&s->page, PAGE_WARN, W_FACTOR_AGAIN);
		put_off(s);
	}
	self_end(s);
	buf_wipe(&text);
	buf_fini(&ticket);
}

void
self_factor_new(struct self *s)
{
	show_begun(s, NULL, &none);
}

void
self_factor_confirm(struct self *s)
{
	struct person_order o = {.what = PERSON_TOTP_CONFIRM};
	struct person_done d;
	struct buf code;
	struct msg m;

	buf_init(&code, PAGE_CODE_MAX - 1);
	self_get(s, "otp", &code);
	o.code = buf_sv(&code);
	self_order(s, &o, &m, &d);
	if (d.rc == RC_OK) {
		keep(s, &d, "/second-factor/codes");
	} else {
		struct wrong w = none;

		self_refused(s, &d);
		w.code = self_wrong(&d, PERSON_FIELD_CODE);
		show_begun(s, &d, &w);
	}
	msg_fini(&m);
	buf_wipe(&code);
}

/* ---- off, and other codes ---- */

static void
order(struct self *s, enum person_what what, struct sv password, struct sv code)
{
	const struct person_order o = {
	    .what = (uint8_t)what, .password = password, .code = code};
	struct person_done d;
	struct wrong w = none;
	struct msg m;

	self_order(s, &o, &m, &d);
	if (d.rc == RC_OK && what == PERSON_TOTP_OFF) {
		self_go(s, "/second-factor", "done", SV("factor-off"));
	} else if (d.rc == RC_OK) {
		keep(s, &d, "/second-factor/codes");
	} else {
		self_refused(s, &d);
		w.password = self_wrong(&d, PERSON_FIELD_PASSWORD);
		w.code = self_wrong(&d, PERSON_FIELD_CODE);
		show(s, &d, what == PERSON_TOTP_OFF ? &w : &none,
		    what == PERSON_TOTP_OFF ? &none : &w);
	}
	msg_fini(&m);
}

static void
read_and_order(struct self *s, enum person_what what)
{
	struct buf password, code;

	buf_init(&password, PAGE_PASSWORD_MAX - 1);
	buf_init(&code, PAGE_CODE_MAX - 1);
	self_get(s, "password", &password);
	self_get(s, "otp", &code);
	order(s, what, buf_sv(&password), buf_sv(&code));
	buf_wipe(&password);
	buf_wipe(&code);
}

void
self_factor_off(struct self *s)
{
	read_and_order(s, PERSON_TOTP_OFF);
}

void
self_factor_more(struct self *s)
{
	read_and_order(s, PERSON_RECOVERY_NEW);
}

void
self_factor_codes(struct self *s)
{
	struct buf ticket, text;
	struct sv codes;

	buf_init(&ticket, SELF_TICKET_MAX);
	buf_init(&text, PAGE_BODY_MAX);
	self_get(s, "ticket", &ticket);
	self_begin(s, W_RECOVERY, "/second-factor");
	if (self_once_take(s->v->once, s->v->session, clk_mono(),
		buf_sv(&ticket), false, &text)) {
		codes = buf_sv(&text);
		(void)sv_split(&codes, '\t'); /* a link, which these have not */
		page_notice(&s->page, PAGE_NEWS, W_FACTOR_DONE);
		page_say(&s->page, "p", W_RECOVERY_KEEP);
		page_lines(&s->page, codes);
	} else {
		page_notice(&s->page, PAGE_WARN, W_RECOVERY_SHOWN);
	}
	page_go(&s->page, "/second-factor", SV(""), W_BACK_TO_FACTOR);
	self_end(s);
	buf_wipe(&text);
	buf_fini(&ticket);
}
