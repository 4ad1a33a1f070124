/* What the pages are made with. */
#include "base/log.h"
#include "web/admin/admin_priv.h"

#define FOOT_BYTES 2048 /* of a page behind its content */
#define PAGES_MAX  16

void
admin_begin(struct visit *v, enum page_word title)
{
	static const struct page_link other = {"/home", W_ADMIN_OWN};
	struct page_link nav[PAGES_MAX];
	struct page_frame f = {.title = title,
	    .language = page_language(v->ask.languages),
	    .account = sv_str(v->account),
	    .csrf = sv_str(v->csrf),
	    .nav = nav,
	    .here = NULL,
	    .other = v->account[0] != '\0' ? &other : NULL};
	size_t i;

	/* By a link: there is no account, but there is a way out. */
	if (f.account.n == 0)
		f.account = sv_str(page_word(f.language, W_ADMIN_MACHINE));
	for (i = 0; i < v->npages; i++) {
		const struct admin_page *to = &v->pages[i];

		if (to->nav != W_NONE && f.nnav < PAGES_MAX)
			nav[f.nnav++] = (struct page_link){to->path, to->nav};
		if (sv_eq(v->ask.path, sv_str(to->path)))
			f.here = to->path;
	}
	page_begin(&v->p, &v->body, &f);
}

void
admin_go(struct visit *v, const char *path)
{
	struct buf query;

	v->status = 303;
	buf_init(&query, PAGE_FOLLOW_MAX);
	buf_adds(&query, path);
	if (v->location.n > 0) {
		buf_addc(&query, '?');
		buf_addsv(&query, buf_sv(&v->location));
	}
	buf_reset(&v->location);
	buf_addsv(&v->location, buf_ok(&query) ? buf_sv(&query) : sv_str(path));
	buf_fini(&query);
}

bool
admin_field(struct sv form, const char *name, struct buf *out)
{
	buf_init(out, ADMIN_FIELD_MAX);
	if (form_get(form, name, out) == RC_OK && out->n > 0)
		return true;
	buf_reset(out);
	return false;
}

bool
admin_number(struct sv form, const char *name, uint64_t *out)
{
	struct buf text;
	bool is_one = admin_field(form, name, &text) &&
		      sv_to_u64(buf_sv(&text), UINT64_MAX, out) == RC_OK;

	buf_fini(&text);
	return is_one;
}

void
admin_log(const struct visit *v, const char *what, struct sv which)
{
	char q[LOG_Q_MAX];

	mlog(LOG_INFO, "admin.act",
	    "account=%s peer=%s session=%llu action=\"%s\" which=%s",
	    v->account[0] != '\0' ? v->account : "(the owner)", v->peer,
	    (unsigned long long)v->session, what, log_q(q, which));
}

struct sv
admin_text(const json_t *j, const char *key)
{
	const json_t *t = json_object_get(j, key);

	return json_is_string(t)
		   ? (struct sv){json_string_value(t), json_string_length(t)}
		   : SV("");
}

void
admin_link(struct visit *v, const char *path, const char *name, struct sv value,
    struct sv text)
{
	struct buf href, clean;

	buf_init(&href, PAGE_FOLLOW_MAX);
	buf_init(&clean, PAGE_BUILD_MAX);
	page_query_add(&href, name, value);
	page_clean(text, &clean);
	xml_start(&v->p.x, "a");
	if (buf_ok(&href)) {
		struct buf whole;

		buf_init(&whole, 2 * PAGE_FOLLOW_MAX);
		buf_addf(&whole, "%s?%s", path, href.p);
		xml_attr(&v->p.x, "href", buf_sv(&whole));
		buf_fini(&whole);
	}
	xml_start_leaf(&v->p.x, buf_sv(&clean));
	buf_fini(&clean);
	buf_fini(&href);
}

void
admin_term(struct visit *v, enum page_word term, struct sv text)
{
	page_term(&v->p, term);
	page_show(&v->p, NULL, text);
	page_term_end(&v->p);
}

/* How long a byte may become when it is shown: escaped, or replaced. */
static size_t
weight(unsigned char c)
{
	switch (c) {
	case '"':
		return 6;
	case '&':
	case '\'':
		return 5;
	case '<':
	case '>':
		return 4;
	default:
		return c >= ' ' && c < 0x7f ? 1 : 3;
	}
}

size_t
admin_room(const struct visit *v, size_t rest)
{
	size_t taken = v->body.n + rest;

	return taken < PAGE_BODY_MAX ? PAGE_BODY_MAX - taken : 0;
}

struct sv
admin_fit(struct sv text, size_t room)
{
	size_t n = 0, sum = 0;

	while (n < text.n && sum + weight((unsigned char)text.p[n]) <= room)
		sum += weight((unsigned char)text.p[n++]);
	return sv_first(text, n);
}

void
admin_lines(struct visit *v, struct sv all, size_t rest, const char *command)
{
	struct sv text = admin_fit(all, admin_room(v, rest + FOOT_BYTES));

	if (all.n == 0)
		return;
	/* Whole lines only. */
	if (text.n < all.n)
		text = sv_first(text, sv_rchr(text, '\n'));
	page_lines(&v->p, text);
	if (text.n + 1 < all.n)
		page_say(&v->p, "p", W_ADMIN_CUT, page_text(sv_str(command)));
}

void
admin_silent(struct visit *v, int rc)
{
	page_notice(&v->p, PAGE_WARN,
	    rc == RC_TIMEOUT  ? W_ADMIN_LATER
	    : rc == RC_SYNTAX ? W_ADMIN_BROKEN
			      : W_ADMIN_SILENT);
	if (rc != RC_TIMEOUT)
		v->status = 503;
	if (rc == RC_SYNTAX)
		page_go(&v->p, "/admin/configuration", SV(""), W_ADMIN_CONF);
}
