"""Pools of profiles and personalities that grow until nothing new comes, and the personas made of them.

Method: ALOE (Wu et al. 2024, arXiv 2410.03642), section on the persona pool.

seeds.py       what a pool begins with            prompts.py   what is asked for
similarity.py  is a text too like one we have     pool.py      grow a pool, notice when it is full
pairing.py     pools -> personas                  diversity.py how varied a pool is: figures and an SVG
"""
