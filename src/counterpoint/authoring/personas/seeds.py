"""What the pools begin with: twenty profiles and twenty personalities of made-up people, without names."""

from __future__ import annotations

PROFILES = (
    "A 34-year-old night-shift nurse in a harbour town. She cycles to work, keeps bees on the roof of her block, "
    "sings alto in a choir and is saving for a small boat. She shares a flat with her sister and reads crime "
    "novels on trains.",
    "A 61-year-old retired tram driver. He lives alone with an old greyhound, repairs mechanical clocks in his "
    "kitchen, goes to every home match of the local handball club and looks after two grandsons on Wednesdays.",
    "A 23-year-old student of geology. They climb indoors three times a week, work weekends in a bakery, cook "
    "large pots of lentil soup for the house, collect river stones and have never owned a television.",
    "A 45-year-old notary with three teenage children. She plays chess by post, drives an electric van, grows "
    "chillies on the window sill, is allergic to nuts and spends each August in the same mountain hut.",
    "A 29-year-old long-distance lorry driver. He studies languages from recordings at the wheel, has been "
    "vegetarian since school, photographs bridges, owns no furniture to speak of and sends postcards to his "
    "grandmother.",
    "A 52-year-old dairy farmer with forty cows. She rises at four, chairs the village fire brigade, bakes rye "
    "bread, watches ski races all winter and has a son who builds violins abroad.",
    "A 38-year-old software tester who works from home. He is deaf in one ear, restores old radios, runs half "
    "marathons, is married to a florist and is paying off a narrow terraced house.",
    "A 70-year-old former opera stage hand. He paints watercolours of fishing ports, has a bad hip, swims each "
    "morning in the public pool, keeps two canaries and hosts a card evening every other Friday.",
    "A 26-year-old apprentice carpenter. She moved countries last year, plays the accordion in a street band, "
    "drinks no alcohol, lives in a caravan behind the workshop and is learning to weld.",
    "A 41-year-old primary-school caretaker. He coaches under-tens at table tennis, is a single father of twins, "
    "breeds tropical fish, mends neighbours' bicycles and never misses the late film on Sundays.",
    "A 57-year-old translator of cookery books. She lives by a canal, keeps a card index of idioms, fences on "
    "Tuesdays, is a widow with a grown-up daughter overseas and travels only by rail.",
    "A 31-year-old paramedic and amateur astronomer. He built his telescope himself, eats gluten-free, shares "
    "custody of a terrier, plays bass in a wedding band and is taking evening classes in pottery.",
    "A 48-year-old market trader who sells cheese. She knows every farm on the plateau, sails a dinghy, has four "
    "godchildren, quit smoking two winters ago and does the crossword standing at her stall.",
    "A 19-year-old trainee in a hotel kitchen. He skateboards, draws comics about his shift, shares a room with a "
    "cousin, sends money home each month and dreams of a food truck.",
    "A 66-year-old amateur botanist who used to teach physics. She maps orchids on old railway land, drives a "
    "thirty-year-old estate car, has been married for four decades and takes part in a tango class.",
    "A 36-year-old prison librarian. They foster elderly cats, knit complicated jumpers, live with two friends "
    "and a loom, listen to radio plays and go camping in every kind of weather.",
    "A 43-year-old wind-turbine technician. He is away from home two weeks in four, plays online chess at night, "
    "is training for a triathlon, has a daughter who rides ponies and cannot stand coriander.",
    "A 27-year-old museum guide and part-time beekeeper's assistant. She speaks sign language, sews her own "
    "clothes, lives in her late great-aunt's attic flat and is writing a history of the town's bakeries.",
    "A 54-year-old insurance assessor. He rebuilt a wooden canoe, grills on Saturdays whatever the season, has "
    "two stepsons in the navy, sings karaoke and has just been told to watch his blood pressure.",
    "A 39-year-old stay-at-home father of a toddler. He was a graphic designer, swaps vinyl records at flea "
    "markets, bakes sourdough, plays five-a-side football on Mondays and looks after his mother's allotment.",
)
"""Daily, objective facts: age, work, home, family, hobbies, habits."""

PERSONALITIES = (
    "Speaks little and to the point, dislikes small talk, plans everything days ahead, keeps promises to the "
    "letter, is wary of strangers, patient with children and stubborn once a decision has been made.",
    "Warm and talkative, jumps from one subject to the next, laughs easily, trusts people at once, forgets "
    "appointments, hates being alone and cries at films.",
    "Sceptical of every claim, asks for numbers, enjoys a hard argument without taking it personally, tidy, "
    "punctual, sparing with praise and quietly loyal.",
    "A worrier who imagines the worst, asks for reassurance twice, is gentle with others, apologises too often, "
    "notices every mood in a room and is brave when somebody else needs help.",
    "Impatient and full of energy, decides in seconds, loves competition, swears cheerfully, is bored by details, "
    "generous with money and quick to forgive.",
    "Dreamy and curious, speaks in pictures, loses track of time, prefers odd ideas to useful ones, is shy in "
    "groups, honest to a fault and easily delighted.",
    "Dry and ironic, never raises the voice, teases people they like, distrusts enthusiasm, is well organised, "
    "private about feelings and unexpectedly sentimental about animals.",
    "Methodical and modest, follows instructions exactly, likes checklists, is uneasy with praise, slow to anger, "
    "slow to change and dependable under pressure.",
    "Proud and ambitious, wants to be the best at whatever comes up, takes criticism badly but acts on it, "
    "charming, impeccably dressed in manner and impatient with excuses.",
    "Easy-going, avoids conflict, agrees first and thinks later, tells long stories, is content with little, late "
    "for everything and a comfort to sit beside.",
    "Rebellious, questions every rule, sharp-tongued with authority, fiercely protective of underdogs, restless, "
    "inventive and tender with close friends.",
    "Formal and courteous, weighs each word, values tradition, reads people slowly, dislikes surprises, never "
    "gossips and keeps grudges longer than is wise.",
    "Playful and a bit childish, turns chores into games, makes puns, has a short attention span, is fearless "
    "about looking silly, optimistic and openly affectionate.",
    "Melancholic and reflective, asks large questions late at night, listens better than anyone, undersells every "
    "success, is solitary, tolerant and moved by music.",
    "Blunt and practical, gives advice unasked, cannot bear dithering, fixes things rather than discussing them, "
    "is thrifty, tireless and embarrassed by thanks.",
    "Diplomatic, sees every side, mediates by reflex, finds it hard to say what they themselves want, is "
    "observant, calm and a little evasive.",
    "Superstitious and intuitive, trusts first impressions, talks with the hands, changes plans on a feeling, is "
    "hospitable, dramatic and never dull.",
    "Perfectionist, rewrites every message, notices a comma out of place, is hard on themselves, kind to "
    "beginners, anxious about deadlines and proud of craft.",
    "Adventurous and unattached, says yes before hearing the question, hates routine, is forgetful of birthdays, "
    "honest about faults, self-reliant and hard to offend.",
    "Motherly in manner, remembers what everybody likes to eat, manages others' lives, is nosy, devoted, quick to "
    "scold and quicker to make up.",
)
"""Traits and manners: how somebody is and speaks, without facts of their life."""
