/*
 * Signing in and out.
 *
 *   GET  /sign-in?to=PATH   the form
 *   POST /sign-in           name and password; the second step, if there is
 *                           one; then to PATH
 *   POST /sign-out
 *   GET  /web-login/TOKEN   the owner's link (`hearthmail web login`): a button
 *   POST /web-login/TOKEN   which is pressed once
 *
 * The form has no secret of its own, so that one that was opened yesterday
 * still works; that it is ours and no other site's the browser says.  Whose
 * password is right auth knows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/form.h"
#include "ipc/proto.h"
#include "web/page/page.h"
#include "web/site_priv.h"

#define SIGN_IN_MS 20000

/* What the page shows. */
struct sign_in_form {
	enum page_language language;
	struct sv name, to, step;
	enum page_word error; /* W_NONE: none */
};

static void
begin(struct page *p, struct http_response *a, enum page_language language,
    enum page_word title)
{
	a->type = PAGE_TYPE;
	a->forms = true;
	buf_reset(&a->body);
	page_begin(p, &a->body,
	    &(struct page_frame){.language = language, .title = title});
}

static void
end(struct page *p, struct http_response *a)
{
	if (!page_end(p))
		a->body.failed = true;
}

void
web_say(struct http_response *a, unsigned status, enum page_language language,
    enum page_word title, enum page_word text)
{
	struct page p;

	a->status = status;
	begin(&p, a, language, title);
	page_say(&p, "p", text);
	end(&p, a);
}

static void
show_password(const struct sign_in_form *f, struct http_response *a)
{
	const bool wrong = f->error == W_SIGN_WRONG;
	struct page p;

	begin(&p, a, f->language, W_SIGN_IN);
	if (f->error != W_NONE && !wrong)
		page_notice(&p, PAGE_BAD, f->error);
	page_form(&p, "/sign-in");
	page_hidden(&p, "to", f->to);
	page_field(&p,
	    &(struct page_field){.name = "name",
		.label = W_SIGN_NAME,
		.value = f->name,
		.autocomplete = "username",
		.attributes = "autocapitalize=\"none\" spellcheck=\"false\""});
	page_field(&p, &(struct page_field){.name = "password",
			   .type = "password",
			   .label = W_PASSWORD,
			   .error = wrong ? f->error : W_NONE,
			   .autocomplete = "current-password"});
	page_button(&p, W_SIGN_IN, PAGE_BUTTON_MAIN);
	page_form_end(&p);
	page_go(&p, "/", SV(""), W_SIGN_SETTINGS);
	end(&p, a);
}

static void
show_code(const struct sign_in_form *f, struct http_response *a)
{
	struct page p;

	begin(&p, a, f->language, W_SIGN_CODE);
	page_form(&p, "/sign-in");
	page_hidden(&p, "to", f->to);
	page_hidden(&p, "step", f->step);
	page_field(&p, &(struct page_field){.name = "name",
			   .label = W_SIGN_NAME,
			   .value = f->name,
			   .autocomplete = "username",
			   .attributes = "readonly"});
	page_field(&p, &(struct page_field){.name = "otp",
			   .label = W_CODE,
			   .hint = W_CODE_OR_RECOVERY,
			   .error = f->error,
			   .autocomplete = "one-time-code",
			   .attributes = "inputmode=\"numeric\""});
	page_button(&p, W_SIGN_GO_ON, PAGE_BUTTON_MAIN);
	page_form_end(&p);
	end(&p, a);
}

static void
show(const struct sign_in_form *f, unsigned status, struct http_response *a)
{
	a->status = status;
	if (f->step.n > 0)
		show_code(f, a);
	else
		show_password(f, a);
}

void
web_to_sign_in(struct sv path, struct sv query, struct http_response *a)
{
	struct buf to;

	buf_init(&to, PAGE_FOLLOW_MAX);
	/* The path was decoded: what it had encoded is lost on the way. */
	buf_addsv(&to, path);
	if (query.n > 0) {
		buf_addc(&to, '?');
		buf_addsv(&to, query);
	}
	http_response_error(a, 303, NULL);
	buf_adds(&a->location, "/sign-in");
	if (buf_ok(&to) && web_is_way(buf_sv(&to))) {
		buf_adds(&a->location, "?to=");
		form_encode(buf_sv(&to), &a->location);
	}
	buf_fini(&to);
}

void
web_sign_in_page(const struct http_ask *ask, struct http_response *a)
{
	struct sign_in_form f = {.language = web_language(ask)};
	struct buf to, done;

	if (!web_browser_may(ask, a))
		return;
	buf_init(&to, PAGE_FOLLOW_MAX);
	buf_init(&done, 16);
	if (form_get(ask->q->query, "to", &to) != RC_OK ||
	    !web_is_way(buf_sv(&to)))
		buf_reset(&to);
	f.to = buf_sv(&to);
	(void)!form_get(ask->q->query, "done", &done);
	if (sv_eq(buf_sv(&done), SV("in")) && f.to.n > 0 &&
	    web_cookie(ask, WEB_COOKIE_SESSION).n > 0) {
		http_response_error(a, 303, NULL);
		buf_addsv(&a->location, f.to);
	} else {
		if (sv_eq(buf_sv(&done), SV("in")))
			f.error = W_SIGN_COOKIE;
		else if (sv_eq(buf_sv(&done), SV("out")))
			f.error = W_SIGN_ENDED;
		show(&f, 200, a);
	}
	buf_fini(&done);
	buf_fini(&to);
}

/* ---- signing in ---- */

struct sign_in {
	struct web_call call; /* must be first */
	enum page_language language;
	bool tls, is_link;
	struct buf name, to, step;   /* as the form had them */
	char before[PAGE_TOKEN_MAX]; /* the session that it had */
};

static void
sign_in_free(struct sign_in *s)
{
	explicit_bzero(s->before, sizeof s->before);
	buf_wipe(&s->step);
	buf_fini(&s->to);
	buf_wipe(&s->name);
	free(s);
}

/* Where it does not come auth has ended, and with it all sessions. */
static void
end_session(struct web_site *site, struct sv session)
{
	const struct sign_out o = {session};
	struct msg m;

	if (session.n == 0)
		return;
	msg_init(&m, AUTH_SIGN_OUT);
	sign_out_put(&m, &o);
	(void)!peer_tell(site->auth, &m);
}

/* By way of a page that sees whether the browser has kept its cookie. */
static void
let_in(
    struct sign_in *s, const struct sign_in_done *done, struct http_response *a)
{
	struct sv home = s->is_link ? SV("/admin") : SV("/home");

	http_response_error(a, 303, NULL);
	web_set_cookie(a, WEB_COOKIE_SESSION, done->session, s->tls);
	if (done->browser.n > 0)
		web_set_cookie(a, WEB_COOKIE_BROWSER, done->browser, s->tls);
	buf_adds(&a->location, "/sign-in?done=in&to=");
	form_encode(s->to.n > 0 ? buf_sv(&s->to) : home, &a->location);
	http_later_is_known(s->call.later);
	/* The browser forgets it: nobody else is to find it. */
	end_session(s->call.site, sv_str(s->before));
}

static void
refuse(struct sign_in *s, int rc, struct http_response *a)
{
	struct sign_in_form f = {.language = s->language,
	    .name = buf_sv(&s->name),
	    .to = buf_sv(&s->to),
	    .step = buf_sv(&s->step)};
	const bool code = f.step.n > 0;

	if (s->is_link && rc == RC_NOTFOUND) {
		web_say(a, 410, s->language, W_SIGN_LINK, W_SIGN_LINK_OVER);
	} else if (s->is_link) {
		web_say(a, 503, s->language, W_SIGN_NOT_NOW, W_SIGN_BUSY);
	} else if (rc == RC_DENIED) {
		f.error = code ? W_CODE_WRONG : W_SIGN_WRONG;
		show(&f, 403, a);
	} else if (rc == RC_TEMP) {
		f.error = code ? W_SIGN_CODE_LATER : W_SIGN_LATER;
		show(&f, 429, a);
		buf_addf(&a->fields, "Retry-After: %d\r\n", code ? 600 : 60);
	} else {
		/* From the beginning. */
		f.step = SV("");
		f.error = rc == RC_NOTFOUND ? W_SIGN_OVER : W_SIGN_BUSY;
		show(&f, rc == RC_NOTFOUND ? 403 : 503, a);
	}
}

static void
on_done(struct web_call *call, int rc, struct msg *m)
{
	struct sign_in *s = (struct sign_in *)call;
	struct sign_in_done done = {.rc = RC_IO};
	struct http_response a;

	http_response_init(&a);
	if (rc == RC_OK && sign_in_done_get(m, &done) != RC_OK)
		done.rc = RC_IO;
	if (done.rc == RC_OK && web_is_token(done.session)) {
		let_in(s, &done, &a);
	} else if (done.rc == RC_EXISTS && web_is_token(done.session)) {
		const struct sign_in_form f = {.language = s->language,
		    .name = buf_sv(&s->name),
		    .to = buf_sv(&s->to),
		    .step = done.session};

		show(&f, 200, &a);
	} else {
		refuse(s, done.rc, &a);
	}
	http_later_answer(&call->later, &a);
	sign_in_free(s);
}

static struct sign_in *
sign_in_new(const struct http_ask *ask)
{
	struct sign_in *s = xcalloc(1, sizeof *s);

	s->language = web_language(ask);
	s->tls = ask->tls;
	buf_init(&s->name, PAGE_NAME_MAX - 1);
	buf_init(&s->to, PAGE_FOLLOW_MAX);
	buf_init(&s->step, PAGE_TOKEN_MAX - 1);
	return s;
}

static void
send_ask(struct sign_in *s, const struct http_ask *ask, struct sv password,
    struct sv code)
{
	char agent[PAGE_AGENT_MAX];
	struct sign_in_ask q = {
	    .name = buf_sv(&s->name),
	    .password = password,
	    .step = buf_sv(&s->step),
	    .code = code,
	    .peer = sv_str(ask->peer),
	    .browser = web_cookie(ask, WEB_COOKIE_BROWSER),
	};
	struct msg m;

	web_agent(ask, agent);
	q.agent = sv_str(agent);
	if (q.step.n > 0)
		q.name = SV("");
	sv_copy(
	    web_cookie(ask, WEB_COOKIE_SESSION), s->before, sizeof s->before);
	s->call = (struct web_call){
	    .site = ask->arg, .later = http_later_new(ask), .done = on_done};
	msg_init(&m, AUTH_SIGN_IN);
	sign_in_ask_put(&m, &q);
	web_call_auth(&s->call, &m, SIGN_IN_MS);
}

/* What is longer than it can be is as if it were not there. */
static void
read_field(struct sv form, const char *name, struct buf *out)
{
	if (form_get(form, name, out) != RC_OK)
		buf_reset(out);
}

static void
begin_with_form(
    const struct http_ask *ask, struct sv form, struct http_response *a)
{
	struct sign_in *s = sign_in_new(ask);
	struct sign_in_form f = {.language = s->language};
	struct buf password, code;

	buf_init(&password, PAGE_PASSWORD_MAX - 1);
	buf_init(&code, PAGE_CODE_MAX - 1);
	read_field(form, "name", &s->name);
	read_field(form, "to", &s->to);
	read_field(form, "step", &s->step);
	read_field(form, "password", &password);
	read_field(form, "otp", &code);
	if (!web_is_way(buf_sv(&s->to)))
		buf_reset(&s->to);
	if (!web_is_token(buf_sv(&s->step)))
		buf_reset(&s->step);
	buf_set(&s->name, sv_trim(buf_sv(&s->name)));
	if (s->step.n > 0 || (s->name.n > 0 && password.n > 0)) {
		send_ask(s, ask, buf_sv(&password), buf_sv(&code));
	} else {
		f.name = buf_sv(&s->name);
		f.to = buf_sv(&s->to);
		f.error = W_SIGN_EMPTY;
		show(&f, 422, a);
		sign_in_free(s);
	}
	buf_wipe(&code);
	buf_wipe(&password);
}

/* true: it may go on. */
static bool
is_from_here(const struct http_ask *ask, struct http_response *a)
{
	if (!web_browser_may(ask, a))
		return false;
	if (!web_is_from_elsewhere(ask))
		return true;
	web_say(a, 403, web_language(ask), W_SIGN_ELSEWHERE,
	    W_SIGN_ELSEWHERE_ABOUT);
	return false;
}

void
web_sign_in(const struct http_ask *ask, struct http_response *a)
{
	struct sv form;

	if (is_from_here(ask, a) && web_form(ask, &form, a))
		begin_with_form(ask, form, a);
}

void
web_sign_out(const struct http_ask *ask, struct http_response *a)
{
	if (!is_from_here(ask, a))
		return;
	end_session(ask->arg, web_cookie(ask, WEB_COOKIE_SESSION));
	http_response_error(a, 303, NULL);
	web_set_cookie(a, WEB_COOKIE_SESSION, SV(""), ask->tls);
	buf_adds(&a->location, "/sign-in?done=out");
}

/* ---- the owner's link ---- */

void
web_link_page(const struct http_ask *ask, struct http_response *a)
{
	char token[PAGE_TOKEN_MAX], action[PAGE_TOKEN_MAX + 16];
	struct page p;

	if (!web_browser_may(ask, a))
		return;
	if (!web_is_token(ask->rest)) {
		http_response_error(a, 404, NULL);
		return;
	}
	begin(&p, a, web_language(ask), W_SIGN_LINK);
	page_say(&p, "p", W_SIGN_LINK_ABOUT);
	sv_copy(ask->rest, token, sizeof token);
	(void)snprintf(action, sizeof action, "/web-login/%s", token);
	page_form(&p, action);
	page_button(&p, W_SIGN_IN, PAGE_BUTTON_MAIN);
	page_form_end(&p);
	end(&p, a);
}

void
web_link_press(const struct http_ask *ask, struct http_response *a)
{
	struct sign_in *s;

	if (!is_from_here(ask, a))
		return;
	if (!web_is_token(ask->rest)) {
		http_response_error(a, 404, NULL);
		return;
	}
	s = sign_in_new(ask);
	s->is_link = true;
	buf_addsv(&s->step, ask->rest);
	send_ask(s, ask, SV(""), SV(""));
}
