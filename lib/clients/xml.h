/*
 * The one writer of XML, of property lists and of HTML: elements are closed in
 * the order in which they were opened, and every text is escaped.  What XML
 * cannot have, control characters and bytes that are not UTF-8, makes the whole
 * invalid: xml_ok() says so at the end, and nothing of it is to be sent then.
 */
#ifndef CLIENTS_XML_H
#define CLIENTS_XML_H

#include "base/buf.h"

#define XML_DEPTH_MAX 16

struct xml {
	struct buf *out;
	const char *open[XML_DEPTH_MAX];
	const char *started; /* between xml_start and how it goes on */
	unsigned depth;
	bool html; /* no declaration; indented alike */
	bool bad;
};

/* With the declaration, and a document type where there is one. */
void xml_begin(struct xml *x, struct buf *out, const char *doctype);
/* HTML: <!DOCTYPE html>, or nothing for a part. */
void xml_begin_html(struct xml *x, struct buf *out, bool whole);
/* attributes: literal text of ours, "version=\"1.1\"", or NULL. */
void xml_open(struct xml *x, const char *name, const char *attributes);
/* The same with one attribute whose value is escaped. */
void xml_open_with(
    struct xml *x, const char *name, const char *attribute, struct sv value);
/*
 * One with several attributes, whose values are escaped: xml_start, xml_attr
 * for each, then how it goes on.
 */
void xml_start(struct xml *x, const char *name);
void xml_attr(struct xml *x, const char *name, struct sv value);
/* Literal text of ours, as in xml_open; NULL: nothing. */
void xml_attrs(struct xml *x, const char *attributes);
void xml_start_open(struct xml *x);		    /* up to xml_close */
void xml_start_leaf(struct xml *x, struct sv text); /* text</name> */
void xml_start_void(struct xml *x);		    /* HTML: without an end */
void xml_close(struct xml *x);
/* <name>text</name> */
void xml_leaf(struct xml *x, const char *name, struct sv text);
void xml_leafu(struct xml *x, const char *name, uint64_t number);
/* <name/> */
void xml_empty(struct xml *x, const char *name);
/* HTML: one that has no end. */
void xml_void(struct xml *x, const char *name, const char *attributes);
/* Text alone, escaped. */
void xml_text(struct xml *x, struct sv text);
/* Closes what is open; is it valid, and did it fit? */
bool xml_end(struct xml *x);

#endif
