/*
 * Time zones of people: which day it is for somebody, at an instant.
 *
 * They come from the system's tzdata, its one file of text (tzdata.zi, in the
 * form of zic's input), which is opened before a process is behind its walls
 * and read when a zone is needed.  Offsets are never kept: a day is asked for
 * at the instant, so that it is right on both sides of a change of clocks, and
 * by the rules that are in force then.
 *
 * zone_parse is pure and bounded.  What the file says is right from 1970 on;
 * behind the last year that it names its rules go on.
 */
#ifndef PAGERULES_ZONE_H
#define PAGERULES_ZONE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/rc.h"

#define ZONE_FILE     "/usr/share/zoneinfo/tzdata.zi"
#define ZONE_NAME_MAX 64

/* ---- one ---- */

struct zone;

/* RC_NOTFOUND: it has no zone of that name; RC_SYNTAX: it cannot be read. */
int zone_parse(struct sv text, struct sv name, struct zone **out) RC_USE_RESULT;
void zone_free(struct zone **z);
/* Seconds east of UTC at that instant (seconds since 1970). */
int32_t zone_offset(const struct zone *z, int64_t at);
/* Days since 1970, as the calendar on the wall there has it. */
int64_t zone_day(const struct zone *z, int64_t at);

/* ---- all of them ---- */

struct zones;

/* Without the file there is UTC alone.  local: the server's own; NULL: as the
 * system has it. */
struct zones *zones_open(const char *path, const char *local);
void zones_free(struct zones **z);
const char *zones_local(const struct zones *z);
/* Names of places, one a line, sorted. */
void zones_list(const struct zones *z, struct buf *out);
/* As zone_parse; "UTC" is always there. */
int zones_load(
    const struct zones *z, struct sv name, struct zone **out) RC_USE_RESULT;

/* ---- days ---- */

/* "2026-11-30": RC_SYNTAX, unless it is a day between 1970 and 9999. */
int zone_day_parse(struct sv text, int64_t *day_out) RC_USE_RESULT;
void zone_day_print(int64_t day, struct buf *out);

#endif
