"""Names and columns of the use case: standard library only, since the Dags import it when they are parsed."""

DATASET = "flights"
MODEL = "flight_delays"

ROW_ID = "row_id"
TIME_COLUMN = "scheduled_departure"
LABEL = "late"

NUMERIC = (
    "minute_of_day",
    "weekday",
    "departures_in_hour",
    "distance",
    "block_minutes",
    "aircraft_age",
    "seats",
    "temperature",
    "dew_point",
    "humidity",
    "wind_direction",
    "wind_speed",
    "precipitation",
    "pressure",
    "visibility",
)
CATEGORICAL = ("carrier", "origin", "dest")
FEATURES = NUMERIC + CATEGORICAL

SLICES = ("origin", "carrier")

LATE_AFTER_MINUTES = 15
KNOWN_BEFORE_DEPARTURE_HOURS = 2

# What the pipeline is made of beyond the types that skops trusts by itself; nothing else is ever loaded.
TRUSTED_TYPES = (
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)
