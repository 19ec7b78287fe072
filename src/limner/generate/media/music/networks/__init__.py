"""The networks that make music: MidiNet, MuseGAN, C-RNN-GAN, and a light sibling of each."""
