"""What is asked for when a pool is to grow. How many are shown and asked for is as in ALOE (arXiv 2410.03642)."""

from __future__ import annotations

from counterpoint.authoring.prompts import Prompt

PROFILE = Prompt(
    name="personas.profile",
    version=1,
    system=(
        "You invent ordinary people for a study of how an assistant gets to know the person it talks to. They are made "
        "up: no names, nobody famous, no stereotypes of any group, and as unlike each other as people in a railway "
        "station."
    ),
    user="""\
Here are {{ shown | length }} profiles that we have already:

{% for text in shown %}
{{ loop.index }}. {{ text }}

{% endfor %}
Write {{ count }} new profiles. Each is one paragraph about one person and holds 8 to 10 plain facts of daily life, such
as age, work, home, family, health, food, hobbies, habits, belongings or plans. Facts only: nothing about character or
manner. None may resemble those above or each other; vary age, place, means, family and occupation widely.""",
)

PERSONALITY = Prompt(
    name="personas.personality",
    version=1,
    system=(
        "You describe characters for a study of how an assistant gets to know whom it talks to. They are made up, "
        "have strengths and failings, and are as unlike each other as people in a waiting room."
    ),
    user="""\
Here are {{ shown | length }} personalities that we have already:

{% for text in shown %}
{{ loop.index }}. {{ text }}

{% endfor %}
Write {{ count }} new personalities. Each is one paragraph and holds 8 to 10 traits: temper, way of speaking, what the
person enjoys or cannot bear in company, how they decide, what they hide. Traits only: no age, work, family or hobbies.
None may resemble those above or each other; mix traits that are seldom found together.""",
)
