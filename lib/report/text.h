/*
 * A report's document as text in UTF-8, whatever it comes in, pure.
 */
#ifndef REPORT_TEXT_H
#define REPORT_TEXT_H

#include "base/buf.h"

/*
 * Behind byte order marks of UTF-8, however many, and blanks and controls; a
 * document in UTF-16 stays as it is.
 */
struct sv report_text_begin(struct sv s);
/* Two bytes for each character; its first ones tell. */
bool report_text_is_utf16(struct sv s);
/* From UTF-16 into UTF-8, without marks; half a pair becomes U+FFFD. */
void report_text_from_utf16(struct sv s, struct buf *out);

#endif
