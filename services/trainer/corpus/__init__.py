"""The bundled training corpus: short synthetic clips of which everything is known, because they were made from it.

`build.build` makes a folder of FLAC files and their manifest from a seed. A clip starts as one or two recipes: frozen
values that render themselves to samples and state their own attributes, so that a description is true by construction.

    recipe -> speech (sentences), melodies, drums, signals, impacts, textures -> plan -> build

The corpus makes the way from sound to trained connector run on any machine. It is no substitute for recordings.
"""
