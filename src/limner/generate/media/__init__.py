"""What adversarial networks make beside plain pictures: pictures of sentences, and solids of voxels."""
