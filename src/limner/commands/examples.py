"""Three examples of each verb: they end its help, and the first is told to who gave words that it cannot take."""

EXAMPLES: dict[str, tuple[str, str, str]] = {
    "demo": ("limner demo", "limner demo recolor", "limner demo generate --out story"),
    "recipes": ("limner recipes", "limner recipes segment", "limner recipes --json"),
    "networks": (
        "limner networks",
        "limner networks segment --channels 4 --classes 2",
        "limner networks generate --json",
    ),
    "inspect": (
        "limner inspect unet --input 3x256x256",
        "limner inspect buildings --json",
        "limner inspect my_network.py:Net --input 1x28x28 --compare dense,local,tiled",
    ),
    "look": (
        "limner look buildings scene.png",
        "limner look runs/lenet-digits-001 seven.png --among digits",
        "limner look my_network.py:Net photo.jpg --input 3x224x224 --out net.html",
    ),
    "check": (
        "limner check places",
        "limner check scene.tif --labels buildings.gpkg --within outline.gpkg",
        "limner check camvid --masks labels --classes camvid.yaml",
    ),
    "train": (
        "limner train segment/modern --data places",
        "limner train segment/modern --data scene.tif --labels roofs.gpkg --batch 4",
        "limner train generate/best --data cars --out runs/cars",
    ),
    "evaluate": (
        "limner evaluate runs/modern-001",
        "limner evaluate last --data places/kept-out --errors wrong",
        "limner evaluate buildings --data places --target building --json",
    ),
    "compare": (
        "limner compare runs/modern-001 runs/residual-34-001",
        "limner compare before=plain.json after=runs/refined-001 --gains",
        "limner compare runs/best-001 others=samples --data unseen-cars",
    ),
    "study": (
        "limner study segment/unet-19 segment/modern --data places --steps 2000",
        "limner study classify/lenet-digits --grid network.pool=max,average",
        "limner study convnets/normalization --seeds 5",
    ),
    "studio": (
        "limner studio",
        "limner studio places --no-browser",
        "limner studio photos --port 8700 --upload-mb 200",
    ),
    "doctor": ("limner doctor", "limner doctor --json", "limner doctor --debug"),
    "push": (
        "limner push last --out roofs-of-kampala --license cc-by-4.0",
        "limner push buildings --out buildings-map --license other",
        "limner push runs/modern-001 --out hub --no-preview",
    ),
    "export": (
        "limner export buildings",
        "limner export last --format torch --out roofs.pt",
        "limner export buildings --deepness --out qgis.onnx",
    ),
    "segment": (
        "limner segment buildings scene.tif",
        "limner segment last 'scenes/*.tif' --out maps --normalize scene",
        "limner segment runs/modern-001 scene.tif --probabilities --polygons geojson",
    ),
    "refine": (
        "limner refine runs/modern-001 scene.tif --labels drawn.gpkg",
        "limner refine buildings scene.tif --labels drawn.gpkg --epochs 1 --out refined",
        "limner refine last scene.tif --truth truth.tif --fraction 0.07",
    ),
    "score": (
        "limner score map.tif truth.tif",
        "limner score maps truths --target building --json",
        "limner score enlarged originals --pairs --border-px 4",
    ),
    "recolor": (
        "limner recolor photo.jpg --like look.jpg",
        "limner recolor holiday/ --like look.jpg=2 other.jpg --key holiday/a.jpg --page",
        "limner recolor scene.tif --like runs/modern-001 --to nearest",
    ),
    "cutouts": (
        "limner cutouts cityscapes --object car",
        "limner cutouts coco --object dog --object cat --out animals",
        "limner cutouts places --object building --regions 1 --no-filter",
    ),
    "generate": (
        "limner generate runs/best-001 -n 64",
        "limner generate last --seed 7 --truncation 0.7 --out cars",
        "limner generate last --interpolate walk.gif -n 4",
    ),
    "classify": (
        "limner classify runs/tune-001 photo.jpg",
        "limner classify last holiday/ --out classified --top 3",
        "limner classify last photo.jpg --evidence occlusion --json",
    ),
    "detect": (
        "limner detect runs/faster-rcnn-light-001 photo.jpg",
        "limner detect last holiday/ --out found",
        "limner detect last photo.jpg --min-score 0.3 --json",
    ),
    "translate": (
        "limner translate runs/upscale-001 photo.jpg",
        "limner translate last holiday/ --out larger",
        "limner translate runs/fill-001 photo.png --mask scratches.png",
    ),
    "degrade": (
        "limner degrade photos --upscale 4",
        "limner degrade photos --blur motion --out blurred",
        "limner degrade photos --hole blobs --share 0.2 --seed 7",
    ),
    "draw": (
        "limner draw world --pictures 2000",
        "limner draw world --pictures 4000 --size-px 32 --seed 1 --out more",
        "limner draw world --clips 500 --voxels 500 --views 20",
    ),
    "caption": (
        "limner caption runs/captions-001 clip.mp4",
        "limner caption last clips/*.gif --out captions.csv",
        "limner caption last frames/ --json",
    ),
    "fid": (
        "limner fid real fake",
        "limner fid real runs/best-001 --features efficientnet-lite0",
        "limner fid real fake --download --json",
    ),
}  # fmt: skip

MORE = {
    "train": "limner train RECIPE --help shows the recipe's settings, and how its data can be read.",
    "evaluate": "limner evaluate RUN --help shows what the room of a run takes.",
    "compare": "limner compare RUN... --help shows what the room of the runs takes.",
    "inspect": "A network's own options follow as --network.OPTION VALUE; its page lists them.",
    "networks": "limner networks ROOM --help shows what a room takes.",
}
"""Where help goes on, for verbs that are shared by rooms."""


def epilogue(verb: str, room: str | None = None) -> str:
    """How the help of a verb ends; without a room, with where to read on."""
    lines = ["For example:", *(f"  {line}" for line in EXAMPLES[verb])]
    return "\n".join([*lines, "", MORE[verb]] if verb in MORE and room is None else lines)
