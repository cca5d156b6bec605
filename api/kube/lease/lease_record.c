// SPDX-License-Identifier: Apache-2.0
#include "api/kube/lease/lease_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/base/clock.h"
#include "topology/base/alloc.h"

/* The object is kept as it came and written back whole, so that what others put into it survives.
 * Only the spec tells whether the holder lives: annotations may be anybody's.
 */

#define WANTED_BY     "phalanx.dev/lease-wanted-by"
#define ADDRESS       "phalanx.dev/lease-address"
#define FLIGHT        "phalanx.dev/lease-flight"
#define RECORD_MAX_MS (24 * 3600 * 1000LL) /* a longer leaseDurationSeconds counts as that */
#define NUMBER_MAX    24

int lease_record_take(struct lease_record *record, const char *body, size_t length, bool *changed,
                      struct err *err)
{
    json_t *object = json_loadb(body, length, 0, NULL);
    json_t *metadata = json_object_get(object, "metadata");
    if (!json_is_string(json_object_get(metadata, "resourceVersion"))) {
        json_decref(object);
        return err_set(err, "the answer is not a Lease");
    }
    (void)json_object_del(metadata, "managedFields");
    char *spec = json_dumps(json_object_get(object, "spec"), JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (spec == NULL) {
        spec = alloc_string("");
    }
    *changed = record->spec == NULL || strcmp(spec, record->spec) != 0;
    lease_record_forget(record);
    record->spec = spec;
    record->object = object;
    return 0;
}

void lease_record_forget(struct lease_record *record)
{
    json_decref(record->object);
    free(record->spec);
    *record = (struct lease_record){.object = NULL};
}

static json_t *spec_of(const struct lease_record *record)
{
    return json_object_get(record->object, "spec");
}

static const char *short_text(const json_t *value)
{
    const char *text = json_string_value(value);
    return text == NULL || strlen(text) >= LEASE_RECORD_TEXT_MAX ? "" : text;
}

static const char *annotation(const struct lease_record *record, const char *name)
{
    const json_t *metadata = json_object_get(record->object, "metadata");
    return short_text(json_object_get(json_object_get(metadata, "annotations"), name));
}

const char *lease_record_holder(const struct lease_record *record)
{
    const char *holder = json_string_value(json_object_get(spec_of(record), "holderIdentity"));
    return holder == NULL ? "" : holder;
}

const char *lease_record_wanted_by(const struct lease_record *record)
{
    return annotation(record, WANTED_BY);
}

const char *lease_record_address(const struct lease_record *record)
{
    return annotation(record, ADDRESS);
}

int64_t lease_record_duration_ms(const struct lease_record *record, int64_t otherwise)
{
    json_int_t seconds =
        json_integer_value(json_object_get(spec_of(record), "leaseDurationSeconds"));
    return seconds <= 0                     ? otherwise
           : seconds > RECORD_MAX_MS / 1000 ? RECORD_MAX_MS
                                            : seconds * 1000;
}

int64_t lease_record_flight_ms(const struct lease_record *record)
{
    char *end = NULL;
    const char *text = annotation(record, FLIGHT);
    long long flight = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || flight < LEASE_RECORD_FLIGHT_MS) {
        return LEASE_RECORD_FLIGHT_MS;
    }
    int64_t most = lease_record_duration_ms(record, RECORD_MAX_MS);
    return flight < most ? flight : most;
}

int64_t lease_record_owed_ms(const struct lease_record *record, int64_t slack)
{
    return record->object == NULL                   ? LEASE_RECORD_FLIGHT_MS + slack
           : lease_record_holder(record)[0] == '\0' ? 0
                                                    : lease_record_flight_ms(record) + slack;
}

int64_t lease_record_generation(const struct lease_record *record)
{
    return json_integer_value(json_object_get(spec_of(record), "leaseTransitions"));
}

static json_t *member(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_object(value)) {
        value = json_object();
        json_object_set_new(object, name, value);
    }
    return value;
}

/* *New* text of the object, which it *steals*. */
static char *finish(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

/* A new holder counts as a transition. */
static void set_spec(const struct lease_record *record, json_t *spec,
                     const struct lease_record_holding *holding)
{
    char now[CLOCK_TEXT_MAX];
    bool nobody = holding->holder[0] == '\0';
    int64_t seconds = nobody ? 1 : (holding->duration_ms + 999) / 1000;
    (void)clock_text(holding->wall_us * 1000, 6, now);
    json_object_set_new(spec, "holderIdentity", json_string(holding->holder));
    json_object_set_new(spec, "leaseDurationSeconds", json_integer(seconds));
    json_object_set_new(spec, "renewTime", json_string(now));
    if (strcmp(lease_record_holder(record), holding->holder) != 0) {
        bool counts = !nobody && record->object != NULL;
        json_object_set_new(spec, "acquireTime", json_string(now));
        json_object_set_new(spec, "leaseTransitions",
                            json_integer(lease_record_generation(record) + (counts ? 1 : 0)));
    }
}

char *lease_record_hold(const struct lease_record *record,
                        const struct lease_record_holding *holding)
{
    json_t *object = record->object == NULL
                         ? json_pack("{s:s,s:s,s:{s:s,s:s}}", "apiVersion",
                                     "coordination.k8s.io/v1", "kind", "Lease", "metadata", "name",
                                     holding->name, "namespace", holding->name_space)
                         : json_deep_copy(record->object);
    json_t *annotations = member(member(object, "metadata"), "annotations");
    (void)json_object_del(annotations, WANTED_BY);
    (void)json_object_del(annotations, ADDRESS);
    (void)json_object_del(annotations, FLIGHT);
    if (holding->address[0] != '\0') {
        json_object_set_new(annotations, ADDRESS, json_string(holding->address));
    }
    if (holding->flight_ms > LEASE_RECORD_FLIGHT_MS) {
        char number[NUMBER_MAX];
        (void)snprintf(number, sizeof number, "%" PRId64, holding->flight_ms);
        json_object_set_new(annotations, FLIGHT, json_string(number));
    }
    set_spec(record, member(object, "spec"), holding);
    return finish(object);
}

char *lease_record_ask(const struct lease_record *record, const char *identity)
{
    json_t *object = json_deep_copy(record->object);
    json_object_set_new(member(member(object, "metadata"), "annotations"), WANTED_BY,
                        json_string(identity));
    return finish(object);
}
