// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/refusals.h"

#include "scheduler/state/shape.h"

/* Limits are quoted as they are written, so all of them are plain numbers. */

#define DIGITS(number) #number
#define TEXT_OF(limit) DIGITS(limit)

const char refusal_long_name[] =
    SHAPE_REFUSED "a name in it is longer than " TEXT_OF(NAMES_LENGTH_MAX) " bytes";
const char refusal_many_names[] = SHAPE_REFUSED "there are too many names in the cluster";
const char refusal_many_words[] =
    SHAPE_REFUSED "its rules about nodes are more than " TEXT_OF(SHAPE_WORDS_MAX) " words";
const char refusal_much_text[] =
    SHAPE_REFUSED "its rules about nodes are more text than there is room for";
const char refusal_many_shapes[] = SHAPE_REFUSED "there are too many kinds of pods";
const char refusal_many_resources[] =
    SHAPE_REFUSED "it requests more than " TEXT_OF(RESOURCES_MAX) " resources";
const char refusal_many_labels[] =
    SHAPE_REFUSED "its node selector has more than " TEXT_OF(POD_SELECTOR_MAX) " labels";
const char refusal_many_terms[] =
    SHAPE_REFUSED "its node affinity has more than " TEXT_OF(POD_AFFINITY_TERMS_MAX) " terms";
const char refusal_many_expressions[] = SHAPE_REFUSED
    "a term of its node affinity has more than " TEXT_OF(POD_EXPRESSIONS_MAX) " expressions";
const char refusal_many_values[] = SHAPE_REFUSED
    "an expression of its node affinity has more than " TEXT_OF(POD_VALUES_MAX) " values";
const char refusal_many_tolerations[] =
    SHAPE_REFUSED "it has more than " TEXT_OF(POD_TOLERATIONS_MAX) " tolerations";
