"""What adversarial networks make beside plain pictures: pictures of sentences, solids of voxels, clips, and music."""
