#include "web/page/page.h"

#include <stdio.h>
#include <time.h>

#define WORDS_MAX PAGE_BUILD_MAX

/* ---- texts ---- */

static void
put_leaf(struct page *p, const char *element, struct buf *text)
{
	if (element == NULL)
		xml_text(&p->x, buf_sv(text));
	else
		xml_leaf(&p->x, element, buf_sv(text));
	if (!buf_ok(text))
		p->x.bad = true;
	buf_wipe(text);
}

void
page_say_args(struct page *p, const char *element, enum page_word word,
    const struct page_arg *args, size_t n)
{
	struct buf b;

	buf_init(&b, WORDS_MAX);
	page_words(p->language, word, args, n, &b);
	put_leaf(p, element, &b);
}

void
page_show(struct page *p, const char *element, struct sv text)
{
	struct buf b;

	buf_init(&b, WORDS_MAX);
	page_clean(text, &b);
	put_leaf(p, element, &b);
}

void
page_heading(struct page *p, enum page_word word)
{
	page_say(p, "h2", word);
}

/* ---- the whole ---- */

static void
put_head(struct page *p, const struct page_frame *f)
{
	struct buf title;

	xml_open(&p->x, "head", NULL);
	xml_void(&p->x, "meta", "charset=\"utf-8\"");
	xml_void(&p->x, "meta",
	    "name=\"viewport\" content=\"width=device-width, "
	    "initial-scale=1\"");
	xml_void(&p->x, "meta", "name=\"color-scheme\" content=\"light dark\"");
	xml_void(&p->x, "link", "rel=\"stylesheet\" href=\"/style.css\"");
	xml_void(&p->x, "link", "rel=\"icon\" href=\"/icon.svg\"");
	buf_init(&title, WORDS_MAX);
	buf_addf(&title, "%s - %s", page_word(p->language, f->title),
	    page_word(p->language, W_SITE));
	put_leaf(p, "title", &title);
	xml_close(&p->x);
}

static void
put_link(struct page *p, const struct page_link *l, bool here)
{
	xml_open(&p->x, "li", NULL);
	xml_start(&p->x, "a");
	xml_attr(&p->x, "href", sv_str(l->path));
	xml_attrs(&p->x, here ? "aria-current=\"page\"" : NULL);
	xml_start_leaf(&p->x, sv_str(page_word(p->language, l->word)));
	xml_close(&p->x);
}

static void
put_navigation(struct page *p, const struct page_frame *f)
{
	size_t i;

	xml_start(&p->x, "nav");
	xml_attr(
	    &p->x, "aria-label", sv_str(page_word(p->language, W_NAVIGATION)));
	xml_start_open(&p->x);
	xml_open(&p->x, "ul", NULL);
	for (i = 0; i < f->nnav; i++)
		put_link(p, &f->nav[i],
		    f->here != NULL &&
			sv_eq(sv_str(f->here), sv_str(f->nav[i].path)));
	if (f->other != NULL)
		put_link(p, f->other, false);
	xml_close(&p->x);
	xml_close(&p->x);
}

static void
put_header(struct page *p, const struct page_frame *f)
{
	xml_open(&p->x, "header", NULL);
	xml_open(&p->x, "div", "class=\"top\"");
	xml_start(&p->x, "p");
	xml_attrs(&p->x, "class=\"site\"");
	xml_start_leaf(&p->x, sv_str(page_word(p->language, W_SITE)));
	if (f->account.n > 0) {
		page_say(p, "p", W_SIGNED_IN_AS, page_text(f->account));
		page_form(p, "/sign-out");
		page_button(p, W_SIGN_OUT, PAGE_BUTTON_PLAIN);
		page_form_end(p);
	}
	xml_close(&p->x);
	if (f->nnav > 0)
		put_navigation(p, f);
	xml_close(&p->x);
}

void
page_begin(struct page *p, struct buf *out, const struct page_frame *f)
{
	*p = (struct page){.language = f->language,
	    .csrf = f->csrf,
	    .signed_in = f->account.n > 0};
	xml_begin_html(&p->x, out, true);
	xml_start(&p->x, "html");
	xml_attr(&p->x, "lang", sv_str(page_language_tag(p->language)));
	xml_start_open(&p->x);
	put_head(p, f);
	xml_open(&p->x, "body", NULL);
	xml_start(&p->x, "a");
	xml_attrs(&p->x, "class=\"skip\" href=\"#content\"");
	xml_start_leaf(&p->x, sv_str(page_word(p->language, W_SKIP)));
	put_header(p, f);
	xml_open(&p->x, "main", "id=\"content\" tabindex=\"-1\"");
	page_say(p, "h1", f->title);
}

/* Whose clock it is. */
static void
put_zone(struct page *p)
{
	time_t now = time(NULL);
	char zone[64] = "";
	struct tm t;

	if (localtime_r(&now, &t) != NULL &&
	    strftime(zone, sizeof zone, "%Z", &t) > 0)
		page_say(p, "p", W_ZONE, page_text(sv_str(zone)));
}

bool
page_end(struct page *p)
{
	xml_close(&p->x); /* main */
	xml_open(&p->x, "footer", NULL);
	page_say(p, "p", W_FOOTER);
	if (p->signed_in)
		put_zone(p);
	return xml_end(&p->x);
}

/* ---- parts ---- */

static void
open_notice(struct page *p, enum page_tone tone)
{
	static const char *const how[] = {
	    [PAGE_NEWS] = "class=\"notice news\" role=\"status\"",
	    [PAGE_GOOD] = "class=\"notice good\"",
	    [PAGE_WARN] = "class=\"notice warn\"",
	    [PAGE_BAD] = "class=\"notice bad\" role=\"alert\"",
	};

	xml_open(&p->x, "div", how[tone]);
}

void
page_notice_args(struct page *p, enum page_tone tone, enum page_word word,
    const struct page_arg *args, size_t n)
{
	open_notice(p, tone);
	page_say_args(p, "p", word, args, n);
	xml_close(&p->x);
}

void
page_notice_text(struct page *p, enum page_tone tone, struct sv text)
{
	open_notice(p, tone);
	page_show(p, "p", text);
	xml_close(&p->x);
}

static void
put_go(struct page *p, const char *path, struct sv query, enum page_word word)
{
	struct buf href;

	buf_init(&href, WORDS_MAX);
	buf_addf(&href, "%s%s", path, query.n > 0 ? "?" : "");
	buf_addsv(&href, query);
	if (!buf_ok(&href))
		p->x.bad = true;
	xml_start(&p->x, "a");
	xml_attr(&p->x, "href", buf_sv(&href));
	xml_start_leaf(&p->x, sv_str(page_word(p->language, word)));
	buf_fini(&href);
}

void
page_go(struct page *p, const char *path, struct sv query, enum page_word word)
{
	xml_open(&p->x, "p", NULL);
	put_go(p, path, query, word);
	xml_close(&p->x);
}

void
page_section(struct page *p, enum page_word heading)
{
	xml_open(&p->x, "section", NULL);
	page_heading(p, heading);
}

void
page_box(struct page *p)
{
	xml_open(&p->x, "section", NULL);
}

void
page_section_end(struct page *p)
{
	xml_close(&p->x);
}

void
page_details(struct page *p, enum page_word summary)
{
	xml_open(&p->x, "details", NULL);
	page_say(p, "summary", summary);
}

void
page_details_end(struct page *p)
{
	xml_close(&p->x);
}

void
page_list(struct page *p)
{
	xml_open(&p->x, "ol", NULL);
}

void
page_item(struct page *p)
{
	xml_open(&p->x, "li", NULL);
}

void
page_item_end(struct page *p)
{
	xml_close(&p->x);
}

void
page_list_end(struct page *p)
{
	xml_close(&p->x);
}

void
page_terms(struct page *p)
{
	xml_open(&p->x, "dl", NULL);
}

void
page_term(struct page *p, enum page_word word)
{
	page_say(p, "dt", word);
	xml_open(&p->x, "dd", NULL);
}

void
page_term_end(struct page *p)
{
	xml_close(&p->x);
}

void
page_terms_end(struct page *p)
{
	xml_close(&p->x);
}

void
page_meter(struct page *p, enum page_word label, unsigned thousandths)
{
	char value[64];

	(void)snprintf(value, sizeof value,
	    "max=\"1000\" high=\"900\" value=\"%u\"", thousandths);
	xml_start(&p->x, "meter");
	xml_attrs(&p->x, value);
	xml_attr(&p->x, "aria-label", sv_str(page_word(p->language, label)));
	xml_start_leaf(&p->x, SV(""));
}

void
page_code(struct page *p, struct sv text)
{
	xml_open(&p->x, "p", "class=\"code\"");
	page_show(p, "code", text);
	xml_close(&p->x);
}

void
page_lines(struct page *p, struct sv text)
{
	struct buf b;

	buf_init(&b, WORDS_MAX);
	while (text.n > 0) {
		page_clean(sv_split(&text, '\n'), &b);
		buf_addc(&b, '\n');
	}
	/* A wide one is scrolled to by keyboard, too. */
	xml_start(&p->x, "pre");
	xml_attrs(&p->x, "tabindex=\"0\"");
	xml_start_leaf(&p->x, buf_sv(&b));
	if (!buf_ok(&b))
		p->x.bad = true;
	buf_fini(&b);
}

/* ---- tables ---- */

void
page_table(struct page *p, enum page_word caption, const enum page_word *heads,
    size_t nheads)
{
	size_t i;

	p->head = heads;
	p->nhead = nheads;
	xml_open(&p->x, "table", NULL);
	page_say(p, "caption", caption);
	xml_open(&p->x, "thead", NULL);
	xml_open(&p->x, "tr", NULL);
	for (i = 0; i < nheads; i++) {
		xml_start(&p->x, heads[i] == W_NONE ? "td" : "th");
		xml_attrs(&p->x, heads[i] == W_NONE ? NULL : "scope=\"col\"");
		xml_start_leaf(&p->x, sv_str(page_word(p->language, heads[i])));
	}
	xml_close(&p->x);
	xml_close(&p->x);
	xml_open(&p->x, "tbody", NULL);
}

void
page_row(struct page *p)
{
	p->cell = 0;
	xml_open(&p->x, "tr", NULL);
}

static void
start_cell(struct page *p)
{
	enum page_word head = p->cell < p->nhead ? p->head[p->cell] : W_NONE;

	p->cell++;
	xml_start(&p->x, "td");
	if (head != W_NONE)
		xml_attr(
		    &p->x, "data-label", sv_str(page_word(p->language, head)));
}

static void
end_cell(struct page *p, struct buf *b)
{
	xml_start_leaf(&p->x, buf_sv(b));
	if (!buf_ok(b))
		p->x.bad = true;
	buf_fini(b);
}

void
page_cell(struct page *p, struct sv text)
{
	struct buf b;

	buf_init(&b, WORDS_MAX);
	page_clean(text, &b);
	start_cell(p);
	end_cell(p, &b);
}

/* Numbers and words of ours are short: they are not broken anywhere. */
static bool
is_ours(const struct page_arg *args, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (args[i].kind == PAGE_ARG_TEXT)
			return false;
	return true;
}

void
page_cell_args(
    struct page *p, enum page_word word, const struct page_arg *args, size_t n)
{
	struct buf b;

	buf_init(&b, WORDS_MAX);
	page_words(p->language, word, args, n, &b);
	start_cell(p);
	xml_attrs(&p->x, is_ours(args, n) ? "class=\"own\"" : NULL);
	end_cell(p, &b);
}

void
page_cell_open(struct page *p)
{
	start_cell(p);
	xml_start_open(&p->x);
}

void
page_cell_end(struct page *p)
{
	xml_close(&p->x);
}

void
page_row_end(struct page *p)
{
	xml_close(&p->x);
}

void
page_table_end(struct page *p)
{
	xml_close(&p->x);
	xml_close(&p->x);
}

void
page_turn(struct page *p, const char *path, struct sv newer, struct sv older)
{
	if (newer.n == 0 && older.n == 0)
		return;
	xml_open(&p->x, "p", "class=\"turn\"");
	if (newer.n > 0)
		put_go(p, path, newer, W_NEWER);
	if (older.n > 0)
		put_go(p, path, older, W_OLDER);
	xml_close(&p->x);
}
