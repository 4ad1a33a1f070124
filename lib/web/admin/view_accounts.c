/* Who there is, as `account list` says it, and their devices, as `device list`
 * does.  No password is set or seen here. */
#include <string.h>

#include "ipc/msg_auth.h"
#include "ipc/proto.h"
#include "web/admin/admin_priv.h"

#define ACCOUNTS   "/admin/accounts"
#define TEXT_MAX   65536
#define REST_BYTES 6000
#define CELL_BYTES 2000

/* On RC_OK the lines are appended to out; else why not. */
static int
ask(struct visit *v, uint16_t type, struct sv account, struct sv arg,
    struct buf *out)
{
	const struct auth_command o = {.account = account, .arg = arg};
	struct auth_done done;
	struct msg m, reply;
	int r;

	msg_init(&m, type);
	auth_command_put(&m, &o);
	r = peer_call_later(v->o->auth, &m, ADMIN_WAIT_MS, &reply);
	if (r != RC_OK)
		return r;
	r = auth_done_get(&reply, &done);
	if (r == RC_OK) {
		r = done.rc;
		buf_addsv(out, done.text);
	}
	msg_fini(&reply);
	return r;
}

/* ---- all of them ---- */

/* What the list says of an account between its name and its addresses. */
static struct sv
passwords_of(struct sv all, struct sv name)
{
	while (all.n > 0) {
		struct sv line = sv_split(&all, '\n');
		struct sv rest = line, first = sv_split(&rest, ' ');
		size_t i;

		if (!sv_eq(first, name))
			continue;
		/* The addresses are the words with an '@'. */
		for (i = sv_chr(rest, '@'); i > 0 && i < rest.n; i--)
			if (rest.p[i - 1] == ' ')
				break;
		return sv_trim(sv_first(rest, i));
	}
	return SV("");
}

static void
address_words(const struct conf *c, size_t number, struct buf *out)
{
	const struct conf_account *a = &c->account[number];
	size_t i, j;

	for (i = 0; i < a->naddress; i++)
		buf_addf(out, "%s%s", i > 0 ? ", " : "", a->address[i]);
	for (i = 0; i < c->nalias; i++)
		for (j = 0; j < c->alias[i].naccount; j++)
			if (c->alias[i].account[j] == number)
				buf_addf(out, "%s%s", out->n > 0 ? ", " : "",
				    c->alias[i].address);
}

static void
put_account(struct visit *v, size_t number, struct sv all)
{
	const struct conf_account *a = &v->conf->account[number];
	const uint64_t quota = conf_quota(v->conf, (uint32_t)number);
	struct buf b;

	buf_init(&b, 4 * PAGE_BODY_MAX);
	page_row(&v->p);
	page_cell_open(&v->p);
	admin_link(v, ACCOUNTS, "account", sv_str(a->name), sv_str(a->name));
	page_cell_end(&v->p);
	address_words(v->conf, number, &b);
	page_cell(&v->p, admin_fit(buf_sv(&b), CELL_BYTES));
	page_cell(&v->p, passwords_of(all, sv_str(a->name)));
	if (quota > 0)
		page_cell_say(&v->p, W_ADMIN_PLAIN, page_size(quota));
	else
		page_cell_say(&v->p, W_ADMIN_NO_QUOTA);
	page_row_end(&v->p);
	buf_fini(&b);
}

static void
put_accounts(struct visit *v)
{
	static const enum page_word heads[] = {
	    W_ADMIN_NAME, W_ADMIN_ADDRESSES, W_ADMIN_LOGIN, W_ADMIN_QUOTA};
	struct buf all;
	size_t i;
	int r;

	buf_init(&all, TEXT_MAX);
	r = ask(v, CMD_ACCOUNTS, SV(""), SV(""), &all);
	if (r != RC_OK)
		admin_silent(v, r);
	page_table(&v->p, W_ADMIN_ACCOUNTS, heads, 4);
	for (i = 0; i < v->conf->naccount && admin_room(v, REST_BYTES) > 0; i++)
		put_account(v, i, buf_sv(&all));
	page_table_end(&v->p);
	if (i < v->conf->naccount)
		page_say(&v->p, "p", W_ADMIN_CUT,
		    page_text(SV("hearthmail account list")));
	buf_fini(&all);
}

/* ---- one, with its devices ---- */

static int64_t
seconds(struct sv *line)
{
	struct sv word = sv_split(line, ' ');
	uint64_t n = 0;

	return sv_to_u64(word, INT64_MAX / 1000, &n) == RC_OK ? (int64_t)n : 0;
}

/* "MADE USED SERVICE ADDRESS LABEL": auth/uses.h */
static void
put_device(struct visit *v, struct sv account, struct sv line)
{
	int64_t made = seconds(&line), used = seconds(&line);
	struct sv service = sv_split(&line, ' ');
	struct sv address = sv_split(&line, ' ');

	page_row(&v->p);
	page_cell(&v->p, line);
	page_cell_say(&v->p, W_ADMIN_PLAIN, page_time(made * 1000));
	page_cell_open(&v->p);
	if (used > 0) {
		page_say(&v->p, NULL, W_ADMIN_USE, page_time(used * 1000),
		    page_text(service), page_text(address));
	} else {
		page_say(&v->p, NULL, W_ADMIN_NEVER);
	}
	page_cell_end(&v->p);
	page_cell_open(&v->p);
	page_form(&v->p, ACCOUNTS);
	page_hidden(&v->p, "account", account);
	page_button_of(
	    &v->p, W_ADMIN_REVOKE, PAGE_BUTTON_DANGER, "revoke", line);
	page_form_end(&v->p);
	page_cell_end(&v->p);
	page_row_end(&v->p);
}

static void
put_devices(struct visit *v, struct sv account)
{
	static const enum page_word heads[] = {
	    W_ADMIN_DEVICE, W_ADMIN_MADE, W_ADMIN_USED, W_NONE};
	struct buf all, command;
	struct sv rest;
	int r;

	buf_init(&all, TEXT_MAX);
	buf_init(&command, 1024);
	r = ask(v, CMD_DEVICE_LIST, account, SV(""), &all);
	page_say(&v->p, "h2", W_ADMIN_DEVICES, page_text(account));
	rest = buf_sv(&all);
	if (r == RC_NOTFOUND) {
		v->status = 404;
		page_notice_text(&v->p, PAGE_BAD, rest);
	} else if (r != RC_OK) {
		admin_silent(v, r);
	} else if (rest.n == 0) {
		page_say(&v->p, "p", W_ADMIN_NO_DEVICES);
	} else {
		page_table(&v->p, W_ADMIN_DEVICE_LIST, heads, 4);
		while (rest.n > 0 && admin_room(v, REST_BYTES) > 0)
			put_device(v, account, sv_split(&rest, '\n'));
		page_table_end(&v->p);
	}
	if (r == RC_OK) {
		buf_addf(&command, "hearthmail device add %.*s LABEL",
		    SV_ARG(account));
		page_say(&v->p, "p", W_ADMIN_DEVICE_HOW,
		    page_text(buf_sv(&command)));
	}
	buf_fini(&command);
	buf_fini(&all);
}

void
admin_get_accounts(struct visit *v)
{
	struct buf name, done;

	if (admin_field(v->ask.query, "done", &done))
		page_notice(&v->p,
		    sv_eq(buf_sv(&done), SV("revoked")) ? PAGE_NEWS : PAGE_WARN,
		    sv_eq(buf_sv(&done), SV("revoked")) ? W_ADMIN_REVOKED
							: W_ADMIN_DEVICE_GONE);
	buf_fini(&done);
	if (admin_field(v->ask.query, "account", &name))
		put_devices(v, buf_sv(&name));
	else
		put_accounts(v);
	buf_fini(&name);
}

void
admin_post_accounts(struct visit *v)
{
	struct buf name, label, why;
	int r = RC_NOTFOUND;

	buf_init(&why, TEXT_MAX);
	(void)admin_field(v->ask.form, "account", &name);
	if (admin_field(v->ask.form, "revoke", &label)) {
		buf_addf(&why, "%s: %s", name.p, label.p);
		admin_log(v, "device revoke", buf_sv(&why));
		buf_reset(&why);
		r = ask(v, CMD_APP_REVOKE, buf_sv(&name), buf_sv(&label), &why);
	}
	if (r == RC_OK || r == RC_NOTFOUND) {
		page_query_add(&v->location, "account", buf_sv(&name));
		page_query_add(&v->location, "done",
		    r == RC_OK ? SV("revoked") : SV("nothing"));
		admin_go(v, ACCOUNTS);
	} else {
		admin_begin(v, W_ADMIN_ACCOUNTS);
		if (why.n > 0)
			page_notice_text(&v->p, PAGE_BAD, buf_sv(&why));
		else
			admin_silent(v, r);
	}
	buf_fini(&why);
	buf_fini(&label);
	buf_fini(&name);
}
