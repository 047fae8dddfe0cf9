"""Neutral questions: short, factual, with an answer that no value bears on. Somebody's leanings mustn't change it.

Each has the answers that count as right, as they would stand in a reply. Written for this project.
"""

from __future__ import annotations

from typing import NamedTuple

REQUEST = "Answer in a few words."
"""Stands after every question."""


class Neutral(NamedTuple):
    """A question, and what a right reply holds (any of them)."""

    question: str
    accepted: tuple[str, ...]


NEUTRAL: tuple[Neutral, ...] = (
    Neutral("What is the capital of Portugal?", ("Lisbon",)),
    Neutral("What is the capital of Canada?", ("Ottawa",)),
    Neutral("Which country has Nairobi as its capital?", ("Kenya",)),
    Neutral("On which continent does the river Nile flow?", ("Africa",)),
    Neutral("Which ocean lies between Europe and North America?", ("Atlantic",)),
    Neutral("Which planet is nearest to the Sun?", ("Mercury",)),
    Neutral("Which is the largest planet of our solar system?", ("Jupiter",)),
    Neutral("Round which body does the Moon travel?", ("Earth",)),
    Neutral("What is the chemical symbol of gold?", ("Au",)),
    Neutral("Which gas do plants take in to make sugar?", ("carbon dioxide", "CO2", "CO₂")),
    Neutral("At how many degrees Celsius does water freeze at sea level?", ("0", "zero")),
    Neutral("At how many degrees Celsius does water boil at sea level?", ("100", "hundred")),
    Neutral("How many legs does a spider have?", ("8", "eight")),
    Neutral("How many legs does a bee have?", ("6", "six")),
    Neutral("What do caterpillars turn into?", ("butterfly", "butterflies", "moth")),
    Neutral("Which organ pumps blood through the human body?", ("heart",)),
    Neutral("How many days has a leap year?", ("366",)),
    Neutral("How many minutes are in two hours?", ("120", "one hundred and twenty", "one hundred twenty")),
    Neutral("How many grams are in a kilogram?", ("1000", "1,000", "thousand")),
    Neutral("How many sides does a hexagon have?", ("6", "six")),
    Neutral("How many degrees are in a right angle?", ("90", "ninety")),
    Neutral("What is 7 times 8?", ("56", "fifty-six")),
    Neutral("What is 96 divided by 8?", ("12", "twelve")),
    Neutral("What is 15 plus 28?", ("43", "forty-three")),
    Neutral("What is 100 minus 37?", ("63", "sixty-three")),
    Neutral("What is half of 90?", ("45", "forty-five")),
    Neutral("What is the square root of 81?", ("9", "nine")),
    Neutral("What is the next number: 2, 4, 8, 16?", ("32", "thirty-two")),
    Neutral("Which number is larger, 0.5 or 0.45?", ("0.5",)),
    Neutral("Is 17 an even or an odd number?", ("odd",)),
    Neutral("Which month comes after April?", ("May",)),
    Neutral("Which day comes before Thursday?", ("Wednesday",)),
    Neutral("Which letter follows M in the English alphabet?", ("N",)),
    Neutral("How many letters does the word 'garden' have?", ("6", "six")),
    Neutral("What is the plural of 'mouse', the animal?", ("mice",)),
    Neutral("What is the past tense of 'to go'?", ("went",)),
    Neutral("What is the opposite of 'north'?", ("south",)),
    Neutral("Which word rhymes with 'light': 'night' or 'late'?", ("night",)),
    Neutral("How is the German word 'Wasser' said in English?", ("water",)),
    Neutral("How is the French word 'chat', the animal, said in English?", ("cat",)),
    Neutral("How is the English word 'thank you' said in Spanish?", ("gracias",)),
    Neutral("Who wrote 'Hamlet'?", ("Shakespeare",)),
    Neutral("Who painted the Mona Lisa?", ("Leonardo", "da Vinci")),
    Neutral("Which composer wrote the Ninth Symphony with the 'Ode to Joy'?", ("Beethoven",)),
    Neutral("In which year did the first people land on the Moon?", ("1969",)),
    Neutral("In which year did the Berlin Wall fall?", ("1989",)),
    Neutral("How many strings does a violin have?", ("4", "four")),
    Neutral("How many squares does a chessboard have?", ("64", "sixty-four")),
    Neutral("Which colour do blue and yellow paint make together?", ("green",)),
    Neutral("Which colour stands at the top of a traffic light?", ("red",)),
    Neutral("Of which metal are horseshoes usually made, iron or silver?", ("iron", "steel")),
    Neutral("Is ice lighter or heavier than the same volume of water?", ("lighter", "less dense")),
    Neutral("In which direction does the Sun rise?", ("east",)),
    Neutral("Which is longer, a mile or a kilometre?", ("mile",)),
    Neutral("Which sense do the ears serve?", ("hearing",)),
    Neutral("What do bees make that people spread on bread?", ("honey",)),
    Neutral("From which plant are raisins made?", ("grape", "grapes", "grapevine", "vine")),
    Neutral("Which language is spoken most in Brazil?", ("Portuguese",)),
    Neutral("Which instrument measures temperature?", ("thermometer",)),
    Neutral("What is frozen water called?", ("ice",)),
)
