#include <limits.h>
#include <qrencode.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "web/page/page.h"

#define ID_MAX 32

/* As it is, since it comes back, unless a page cannot have that. */
static void
put_value(struct page *p, const char *attribute, struct sv value)
{
	struct sv rest = value;
	struct buf text;
	bool good = utf8_valid(value);
	uint32_t cp;

	while (good && rest.n > 0)
		good = utf8_next(&rest, &cp) == RC_OK && cp >= ' ' &&
		       !(cp >= 0x7f && cp <= 0x9f);
	if (good) {
		xml_attr(&p->x, attribute, value);
		return;
	}
	buf_init(&text, PAGE_BUILD_MAX);
	page_clean(value, &text);
	xml_attr(&p->x, attribute, buf_sv(&text));
	buf_wipe(&text);
}

/* ---- forms ---- */

static void
open_form(struct page *p, const char *method, const char *action)
{
	xml_start(&p->x, "form");
	xml_attrs(&p->x, method);
	xml_attr(&p->x, "action", sv_str(action));
	xml_start_open(&p->x);
}

void
page_form(struct page *p, const char *action)
{
	open_form(p, "method=\"post\"", action);
	page_hidden(p, "csrf", p->csrf);
}

void
page_form_get(struct page *p, const char *action)
{
	open_form(p, "method=\"get\"", action);
}

void
page_form_end(struct page *p)
{
	xml_close(&p->x);
}

static void
put_label(struct page *p, const char *id, enum page_word label, bool optional)
{
	struct buf b;

	buf_init(&b, 4096);
	page_words(p->language, label, NULL, 0, &b);
	if (optional) {
		buf_addc(&b, ' ');
		page_words(p->language, W_OPTIONAL, NULL, 0, &b);
	}
	xml_start(&p->x, "label");
	xml_attr(&p->x, "for", sv_str(id));
	xml_start_leaf(&p->x, buf_sv(&b));
	buf_fini(&b);
}

static void
put_beside(struct page *p, const char *id, const char *what, struct sv text)
{
	char full[ID_MAX];

	(void)snprintf(full, sizeof full, "%s-%s", id, what);
	xml_start(&p->x, "p");
	xml_attr(&p->x, "class", sv_str(what));
	xml_attr(&p->x, "id", sv_str(full));
	xml_start_leaf(&p->x, text);
}

/* What a reader of the screen says beside the label. */
static void
describe(struct page *p, const char *id, bool hint, bool error)
{
	char by[3 * ID_MAX];

	if (!hint && !error)
		return;
	(void)snprintf(by, sizeof by, "%s%s%s%s%s", hint ? id : "",
	    hint ? "-hint" : "", hint && error ? " " : "", error ? id : "",
	    error ? "-error" : "");
	xml_attr(&p->x, "aria-describedby", sv_str(by));
	if (error)
		xml_attrs(&p->x, "aria-invalid=\"true\"");
}

static void
put_rows(struct page *p, unsigned rows)
{
	char number[16];

	(void)snprintf(number, sizeof number, "%u", rows);
	xml_attr(&p->x, "rows", sv_str(number));
}

/* What is in a <textarea>: a first line end is not part of it. */
static void
put_text(struct page *p, struct sv value)
{
	struct buf text;

	buf_init(&text, PAGE_BUILD_MAX);
	buf_addc(&text, '\n');
	while (value.n > 0) {
		const bool more = sv_chr(value, '\n') < value.n;

		page_clean(sv_split(&value, '\n'), &text);
		if (more)
			buf_addc(&text, '\n');
	}
	xml_start_leaf(&p->x, buf_sv(&text));
	if (!buf_ok(&text))
		p->x.bad = true;
	buf_wipe(&text);
}

void
page_field(struct page *p, const struct page_field *f)
{
	bool error = f->error != W_NONE || f->error_text.n > 0;
	struct buf text;
	char id[ID_MAX];

	(void)snprintf(id, sizeof id, "f%u", ++p->fields);
	buf_init(&text, PAGE_BUILD_MAX);
	xml_open(&p->x, "div", "class=\"field\"");
	put_label(p, id, f->label, f->optional);
	if (f->hint != W_NONE)
		put_beside(
		    p, id, "hint", sv_str(page_word(p->language, f->hint)));
	if (f->error != W_NONE)
		buf_adds(&text, page_word(p->language, f->error));
	else
		page_clean(f->error_text, &text);
	if (error)
		put_beside(p, id, "error", buf_sv(&text));
	xml_start(&p->x, f->rows > 0 ? "textarea" : "input");
	xml_attr(&p->x, "id", sv_str(id));
	xml_attr(&p->x, "name", sv_str(f->name));
	if (f->rows > 0)
		put_rows(p, f->rows);
	else
		xml_attr(
		    &p->x, "type", sv_str(f->type != NULL ? f->type : "text"));
	xml_attr(&p->x, "autocomplete",
	    sv_str(f->autocomplete != NULL ? f->autocomplete : "off"));
	if (f->value.n > 0 && f->rows == 0)
		put_value(p, "value", f->value);
	xml_attrs(&p->x, f->attributes);
	xml_attrs(&p->x, f->optional ? NULL : "required");
	describe(p, id, f->hint != W_NONE, error);
	if (f->rows > 0)
		put_text(p, f->value);
	else
		xml_start_void(&p->x);
	xml_close(&p->x);
	buf_wipe(&text);
}

void
page_tick(struct page *p, const struct page_tick *t)
{
	char id[ID_MAX];

	(void)snprintf(id, sizeof id, "f%u", ++p->fields);
	xml_open(&p->x, "div", "class=\"field tick\"");
	xml_start(&p->x, "input");
	xml_attrs(&p->x, "type=\"checkbox\" value=\"1\"");
	xml_attr(&p->x, "id", sv_str(id));
	xml_attr(&p->x, "name", sv_str(t->name));
	xml_attrs(&p->x, t->ticked ? "checked" : NULL);
	describe(p, id, t->hint != W_NONE, false);
	xml_start_void(&p->x);
	xml_open(&p->x, "div", NULL);
	put_label(p, id, t->label, false);
	if (t->hint != W_NONE)
		put_beside(
		    p, id, "hint", sv_str(page_word(p->language, t->hint)));
	xml_close(&p->x);
	xml_close(&p->x);
}

void
page_hidden(struct page *p, const char *name, struct sv value)
{
	xml_start(&p->x, "input");
	xml_attrs(&p->x, "type=\"hidden\"");
	xml_attr(&p->x, "name", sv_str(name));
	put_value(p, "value", value);
	xml_start_void(&p->x);
}

void
page_check(struct page *p, const char *name, struct sv value, struct sv label)
{
	struct buf text;

	buf_init(&text, PAGE_BUILD_MAX);
	page_clean(label, &text);
	xml_start(&p->x, "input");
	xml_attrs(&p->x, "type=\"checkbox\"");
	xml_attr(&p->x, "name", sv_str(name));
	put_value(p, "value", value);
	xml_attr(&p->x, "aria-label", buf_sv(&text));
	xml_start_void(&p->x);
	buf_fini(&text);
}

/* Without a value of its own, the text is sent by browsers without blanks
 * around it, and with one for several. */
static bool
is_sent_as_is(const char *text)
{
	size_t n = strlen(text);

	return n == 0 || (text[0] != ' ' && text[n - 1] != ' ' &&
			     strstr(text, "  ") == NULL);
}

void
page_choose(struct page *p, const char *name, enum page_word label,
    const struct page_choice *c, size_t n, struct sv chosen)
{
	struct buf text;
	char id[ID_MAX];
	size_t i;

	(void)snprintf(id, sizeof id, "f%u", ++p->fields);
	buf_init(&text, PAGE_BUILD_MAX);
	xml_open(&p->x, "div", "class=\"field\"");
	put_label(p, id, label, false);
	xml_start(&p->x, "select");
	xml_attr(&p->x, "id", sv_str(id));
	xml_attr(&p->x, "name", sv_str(name));
	xml_start_open(&p->x);
	for (i = 0; i < n; i++) {
		buf_reset(&text);
		page_clean(c[i].text, &text);
		xml_start(&p->x, "option");
		if (!sv_eq(c[i].value, buf_sv(&text)) || !is_sent_as_is(text.p))
			put_value(p, "value", c[i].value);
		xml_attrs(&p->x, sv_eq(c[i].value, chosen) ? "selected" : NULL);
		xml_start_leaf(&p->x, buf_sv(&text));
	}
	xml_close(&p->x);
	xml_close(&p->x);
	buf_fini(&text);
}

void
page_button_of(struct page *p, enum page_word word, enum page_button kind,
    const char *name, struct sv value)
{
	static const char *const how[] = {
	    [PAGE_BUTTON_MAIN] = "class=\"main\"",
	    [PAGE_BUTTON_PLAIN] = "class=\"plain\"",
	    [PAGE_BUTTON_DANGER] = "class=\"danger\"",
	};

	xml_start(&p->x, "button");
	xml_attrs(&p->x, how[kind]);
	if (name != NULL) {
		xml_attr(&p->x, "name", sv_str(name));
		put_value(p, "value", value);
	}
	xml_start_leaf(&p->x, sv_str(page_word(p->language, word)));
}

void
page_button(struct page *p, enum page_word word, enum page_button kind)
{
	page_button_of(p, word, kind, NULL, SV(""));
}

void
page_press(struct page *p, const char *action, enum page_word word,
    enum page_button kind, const char *name, struct sv value)
{
	page_form(p, action);
	page_hidden(p, name, value);
	page_button(p, word, kind);
	page_form_end(p);
}

/* ---- a QR code ---- */

#define MARGIN 4 /* modules */

/* Neighbours in a row are one rectangle. */
static void
put_runs(struct page *p, const QRcode *q)
{
	struct buf d;
	int x, y, end;

	buf_init(&d, PAGE_BUILD_MAX);
	for (y = 0; y < q->width; y++)
		for (x = 0; x < q->width; x = end + 1) {
			for (end = x; end < q->width &&
				      (q->data[y * q->width + end] & 1) != 0;)
				end++;
			if (end > x)
				buf_addf(&d, "M%d %dh%dv1h-%dz", x + MARGIN,
				    y + MARGIN, end - x, end - x);
		}
	if (!buf_ok(&d))
		p->x.bad = true;
	xml_start(&p->x, "path");
	xml_attrs(&p->x, "fill=\"#000\"");
	xml_attr(&p->x, "d", buf_sv(&d));
	xml_start_leaf(&p->x, SV(""));
	buf_wipe(&d);
}

int
page_qr(struct page *p, enum page_word label, struct sv text)
{
	char box[64];
	QRcode *q;

	if (text.n == 0 || text.n > INT_MAX)
		return RC_TOOBIG;
	q = QRcode_encodeData(
	    (int)text.n, (const unsigned char *)text.p, 0, QR_ECLEVEL_M);
	if (q == NULL)
		return RC_TOOBIG;
	(void)snprintf(box, sizeof box, "0 0 %d %d", q->width + 2 * MARGIN,
	    q->width + 2 * MARGIN);
	xml_start(&p->x, "svg");
	xml_attrs(&p->x, "class=\"qr\" role=\"img\"");
	xml_attr(&p->x, "viewBox", sv_str(box));
	xml_attr(&p->x, "aria-label", sv_str(page_word(p->language, label)));
	xml_start_open(&p->x);
	xml_void(
	    &p->x, "rect", "width=\"100%\" height=\"100%\" fill=\"#fff\"/");
	put_runs(p, q);
	xml_close(&p->x);
	QRcode_free(q);
	return RC_OK;
}
