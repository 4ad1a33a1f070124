#include "clients/xml.h"

#include "base/utf8.h"

static void
begin(struct xml *x, struct buf *out, bool html)
{
	*x = (struct xml){.out = out, .html = html};
}

void
xml_begin(struct xml *x, struct buf *out, const char *doctype)
{
	begin(x, out, false);
	buf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	if (doctype != NULL)
		buf_addf(out, "<!DOCTYPE %s>\n", doctype);
}

void
xml_begin_html(struct xml *x, struct buf *out, bool whole)
{
	begin(x, out, true);
	if (whole)
		buf_adds(out, "<!DOCTYPE html>\n");
}

/* What no document may have [XML 1.0 2.2], and what would turn the direction
 * of what is read. */
static bool
is_allowed(uint32_t cp)
{
	if (cp < ' ')
		return cp == '\t' || cp == '\n';
	return !(cp >= 0x7f && cp <= 0x9f) && cp != 0xfffe && cp != 0xffff &&
	       !(cp >= 0xd800 && cp <= 0xdfff);
}

static void
put_escaped(struct xml *x, struct sv text)
{
	struct sv rest = text;
	uint32_t cp;

	while (rest.n > 0) {
		if (utf8_next(&rest, &cp) != RC_OK || !is_allowed(cp)) {
			x->bad = true;
			return;
		}
		switch (cp) {
		case '&':
			buf_adds(x->out, "&amp;");
			break;
		case '<':
			buf_adds(x->out, "&lt;");
			break;
		case '>':
			buf_adds(x->out, "&gt;");
			break;
		case '"':
			buf_adds(x->out, "&quot;");
			break;
		case '\'':
			buf_adds(x->out, "&#39;");
			break;
		default:
			utf8_put(x->out, cp);
		}
	}
}

static void
indent(struct xml *x)
{
	unsigned i;

	for (i = 0; i < x->depth; i++)
		buf_adds(x->out, "  ");
}

static void
push(struct xml *x, const char *name)
{
	must(x->depth < XML_DEPTH_MAX);
	x->open[x->depth++] = name;
	buf_adds(x->out, ">\n");
}

void
xml_open(struct xml *x, const char *name, const char *attributes)
{
	indent(x);
	buf_addf(x->out, "<%s%s%s", name, attributes != NULL ? " " : "",
	    attributes != NULL ? attributes : "");
	push(x, name);
}

void
xml_open_with(
    struct xml *x, const char *name, const char *attribute, struct sv value)
{
	indent(x);
	buf_addf(x->out, "<%s %s=\"", name, attribute);
	put_escaped(x, value);
	buf_addc(x->out, '"');
	push(x, name);
}

void
xml_start(struct xml *x, const char *name)
{
	must(x->started == NULL);
	indent(x);
	x->started = name;
	buf_addf(x->out, "<%s", name);
}

void
xml_attr(struct xml *x, const char *name, struct sv value)
{
	must(x->started != NULL);
	buf_addf(x->out, " %s=\"", name);
	put_escaped(x, value);
	buf_addc(x->out, '"');
}

void
xml_attrs(struct xml *x, const char *attributes)
{
	must(x->started != NULL);
	if (attributes != NULL)
		buf_addf(x->out, " %s", attributes);
}

static const char *
go_on(struct xml *x)
{
	const char *name = x->started;

	must(name != NULL);
	x->started = NULL;
	return name;
}

void
xml_start_open(struct xml *x)
{
	push(x, go_on(x));
}

void
xml_start_leaf(struct xml *x, struct sv text)
{
	const char *name = go_on(x);

	buf_addc(x->out, '>');
	put_escaped(x, text);
	buf_addf(x->out, "</%s>\n", name);
}

void
xml_start_void(struct xml *x)
{
	(void)go_on(x);
	buf_adds(x->out, ">\n");
}

void
xml_close(struct xml *x)
{
	must(x->depth > 0);
	x->depth--;
	indent(x);
	buf_addf(x->out, "</%s>\n", x->open[x->depth]);
}

void
xml_leaf(struct xml *x, const char *name, struct sv text)
{
	indent(x);
	buf_addf(x->out, "<%s>", name);
	put_escaped(x, text);
	buf_addf(x->out, "</%s>\n", name);
}

void
xml_leafu(struct xml *x, const char *name, uint64_t number)
{
	indent(x);
	buf_addf(x->out, "<%s>", name);
	buf_addu(x->out, number);
	buf_addf(x->out, "</%s>\n", name);
}

void
xml_empty(struct xml *x, const char *name)
{
	indent(x);
	buf_addf(x->out, x->html ? "<%s>\n" : "<%s/>\n", name);
}

void
xml_void(struct xml *x, const char *name, const char *attributes)
{
	indent(x);
	buf_addf(x->out, "<%s %s>\n", name, attributes);
}

void
xml_text(struct xml *x, struct sv text)
{
	indent(x);
	put_escaped(x, text);
	buf_addc(x->out, '\n');
}

bool
xml_end(struct xml *x)
{
	while (x->depth > 0)
		xml_close(x);
	return !x->bad && buf_ok(x->out);
}
