"""What the API takes and gives, as pydantic models: the OpenAPI document follows from them."""

from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)  # fmt: skip

from fmnist.data.labels import IMAGE_SIZE
from fmnist.serve import limits

_STRICT: Final = ConfigDict(extra="forbid", allow_inf_nan=False)

# 7.0 is an integer in JSON; true is none
Pixel = Annotated[
    Annotated[int, Field(strict=True, ge=0, le=255)]
    | Annotated[float, Field(strict=True, ge=0, le=255, multiple_of=1)],
    Field(union_mode="left_to_right"),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 255}),
]
Row = Annotated[list[Pixel], Field(min_length=IMAGE_SIZE, max_length=IMAGE_SIZE)]
Image = Annotated[list[Row], Field(min_length=IMAGE_SIZE, max_length=IMAGE_SIZE)]
Coordinate = Annotated[
    float, Field(strict=True, ge=-limits.MAX_COORDINATE, le=limits.MAX_COORDINATE)
]
Point = Annotated[list[Coordinate], Field(min_length=2, max_length=2)]
Stroke = Annotated[list[Point], Field(min_length=1, max_length=limits.MAX_POINTS)]
Share = Annotated[float, Field(ge=0, le=1)]


class Images(BaseModel):
    """Images as Fashion-MNIST has them: 28 rows of 28 pixels, a white garment on black."""

    model_config = _STRICT

    images: Annotated[
        list[Image],
        Field(
            min_length=1,
            max_length=limits.MAX_IMAGES,
            description="Pixels from 0 (black) to 255; row 0 is the top.",
        ),
    ]


class Strokes(BaseModel):
    """A drawing: its lines, in any units; it is scaled and centered."""

    model_config = _STRICT

    strokes: Annotated[
        list[Stroke],
        Field(
            min_length=1,
            max_length=limits.MAX_STROKES,
            description="Of each line its points [x, y]; y grows downwards.",
        ),
    ]

    @model_validator(mode="after")
    def _has_few_points(self) -> "Strokes":
        if sum(map(len, self.strokes)) > limits.MAX_POINTS:
            raise ValueError(f"a drawing has at most {limits.MAX_POINTS:,} points")
        return self


def _kind(body: Any) -> str:
    return "strokes" if isinstance(body, dict) and "strokes" in body else "images"


Body = Annotated[
    Annotated[Images, Tag("images")] | Annotated[Strokes, Tag("strokes")], Discriminator(_kind)
]
BODY: Final[TypeAdapter[Images | Strokes]] = TypeAdapter(Body)


def describe(error: ValidationError) -> str:
    """The first problem of a body, in a sentence: "images[0][3]: list should have …"."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = "".join(
        f"[{part}]" if isinstance(part, int) else str(part) for part in first["loc"][1:]
    )
    text = first["msg"].removeprefix("Value error, ").replace(" after validation", "")
    if first["type"] == "json_invalid":
        return f"{text}."
    if not place:
        return "The body must be a JSON object with images or strokes."
    return f"{place}: {text[:1].lower()}{text[1:]}."


class Prediction(BaseModel):
    """What the model predicts for one image."""

    model_config = ConfigDict(populate_by_name=True)

    label: Annotated[int, Field(ge=0, description="Its place in the classes of /model.")]
    class_name: Annotated[str, Field(alias="class", description="The most probable class.")]
    confidence: Annotated[Share, Field(description="Its probability.")]
    probabilities: Annotated[
        dict[str, Share], Field(description="Of all classes, own ones too; sum 1.")
    ]
    in_distribution_score: Annotated[
        Share | None,
        Field(description="How much it looks like any garment; null where no model can tell."),
    ]
    is_garment: Annotated[
        bool | None, Field(description="Whether the score reaches the Draw page's threshold.")
    ]
    answer: Annotated[str, Field(description="What the Draw page says, for people.")]


class Predictions(BaseModel):
    """The predictions, in the order of the images."""

    run: Annotated[str, Field(description="Id of the run whose model answered.")]
    predictions: list[Prediction]


class Accuracy(BaseModel):
    """An accuracy, and how it was measured."""

    split: str
    protocol: str
    value: Share


class ModelDocument(BaseModel):
    """The model that answers."""

    run: Annotated[str, Field(description="Its id, as the parameter `run` takes it.")]
    name: str
    networks: list[str]
    dataset: str
    protocol: Annotated[str, Field(description="Which images it was trained and chosen on.")]
    accuracy: Accuracy | None
    classes: list[str]
    knows_other_things: Annotated[
        bool, Field(description="Whether it has learned to tell garments from other things.")
    ]
    license: str
    version: Annotated[str, Field(description="Of fmnist.")]
    card: Annotated[str | None, Field(description="Its model card, Markdown.")]
    others: Annotated[list[str], Field(description="What else the parameter `run` takes.")]


class Health(BaseModel):
    """Whether the server answers."""

    status: str
